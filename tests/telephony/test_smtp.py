"""Mail by a real mail server: encrypted or not at all, and each of its answers means something."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.smtp_server import PASSWORD, USER, SmtpServer, smtp_server
from vault.domain.outbox.attempt import Outcome
from vault.domain.outbox.mail import Mail, is_mailable, mail_attempt
from vault.errors import FetchFailed, StartRefused, Unavailable
from vault.telephony.http import smtp
from vault.telephony.http.smtp import SmtpMailer, mailer_of

MAIL = Mail(id="inv_1", to="ada@acme.example", subject="Votre clé", text="Ouvrez ceci :\n\nhttps://a/=b\n")


def mailer(url: str) -> SmtpMailer:
    """Return the client of a vault."""
    return mailer_of(url, "https://vault.example", lambda: datetime(2026, 2, 3, tzinfo=UTC))


@pytest.mark.parametrize("tls", ["starttls", "immediately"])
async def test_a_mail_arrives_by_tls(tmp_path: Path, tls: str):
    """The user signs in after TLS has begun; the reader gets the text as it is, and one id at each attempt."""
    with smtp_server(tmp_path, tls=tls) as server:
        assert await mailer(server.url).send(MAIL) == 250
        assert await mailer(server.url).send(MAIL) == 250
    boxes = server.mailboxes
    assert boxes.signed_in == [(USER, True)] * 2
    assert (boxes.senders[0], boxes.asked[0]) == ("vault@acme.example", "ada@acme.example")
    first, second = boxes.mails
    assert first.get_content().replace("\r\n", "\n") == MAIL.text
    assert {name: first[name] for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted")} == {
        "From": "vault@acme.example",
        "To": "ada@acme.example",
        "Subject": "Votre clé",
        "Message-ID": "<inv_1@vault.example>",
        "Auto-Submitted": "auto-generated",
    }
    assert first["Date"] == "Tue, 03 Feb 2026 00:00:00 +0000"
    assert second["Message-ID"] == first["Message-ID"]


async def refused(sending: Awaitable[Any], server: SmtpServer) -> None:
    """Expect that the server cannot be used, and has got neither a mail nor an address."""
    with pytest.raises(Unavailable):
        await sending
    assert (server.mailboxes.mails, server.mailboxes.asked) == ([], [])


async def test_nothing_is_sent_without_tls(tmp_path: Path):
    """Not even the name of the user. Wrong: STARTTLS only where the server offers it."""
    with smtp_server(tmp_path, tls="never") as server:
        await refused(mailer(server.url).send(MAIL), server)
        await refused(mailer(server.url_without_user).send(MAIL), server)
    assert server.mailboxes.signed_in == []


@pytest.mark.parametrize("tls", ["starttls", "immediately"])
async def test_another_server_gets_nothing(tmp_path: Path, tls: str):
    """Its certificate is trusted, and is of another name; or nobody has signed it."""
    with smtp_server(tmp_path, tls=tls, name="other.example") as server:
        await refused(mailer(server.url).send(MAIL), server)
        without_ca = server.url_without_user.partition("&ca=")[0]
        await refused(mailer(without_ca).send(MAIL), server)
    assert server.mailboxes.signed_in == []


async def test_a_wrong_password_is_the_operators_to_mend(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """It says nothing about the address, so the mail is not given up; the log has no password."""
    with smtp_server(tmp_path) as server:
        url = server.url
        (tmp_path / "smtp-password").write_text("not it", "utf-8")
        await refused(mailer(url).send(MAIL), server)
    assert "smtp.unavailable" in caplog.text
    assert [word for word in ("not it", PASSWORD, USER, MAIL.to) if word in caplog.text] == []


@pytest.mark.parametrize(
    ("step", "answer", "outcome"),
    [
        ("RCPT", "550 No such user ada@acme.example", Outcome.REFUSED),
        ("RCPT", "450 Greylisted", Outcome.FAILED),
        ("RCPT", "421 Closing", Outcome.FAILED),
        ("DATA", "554 Spam", Outcome.REFUSED),
        ("DATA", "452 Full", Outcome.FAILED),
        ("DATA", "250 OK", Outcome.ACCEPTED),
    ],
)
async def test_an_answer_to_address_or_mail_says_what_becomes_of_it(
    tmp_path: Path, step: str, answer: str, outcome: Outcome
):
    """5xx is for good, 4xx for now; neither repeats the words of the server."""
    with smtp_server(tmp_path) as server:
        server.mailboxes.answer(step, answer)
        attempt = mail_attempt(await mailer(server.url).send(MAIL))
    assert (attempt.outcome, attempt.status) == (outcome, int(answer[:3]))
    assert answer[4:] not in (attempt.failure or "")


async def test_a_sender_that_is_not_allowed_is_the_operators_to_mend(tmp_path: Path):
    """5xx about the sender gives up no mail: the setting is wrong, and not the address."""
    with smtp_server(tmp_path) as server:
        server.mailboxes.answer("MAIL", "553 Not yours")
        with pytest.raises(Unavailable):
            await mailer(server.url).send(MAIL)
        assert await mailer(server.url).send(MAIL) == 250


async def test_a_mail_without_an_answer_may_have_arrived(tmp_path: Path):
    """The server took it and died: that is no failure before the mail was sent."""
    with smtp_server(tmp_path) as server:
        server.mailboxes.dies_after_mail = True
        with pytest.raises(FetchFailed) as failed:
            await mailer(server.url).send(MAIL)
    assert (failed.value.final, failed.value.unsent, len(server.mailboxes.mails)) == (False, False, 1)


async def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Before the lease of the message ends."""
    monkeypatch.setattr(smtp, "_TIMEOUT", 0.2)

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    with smtp_server(tmp_path) as server:
        url = server.url_without_user
    try:
        async with asyncio.timeout(5):
            with pytest.raises((FetchFailed, Unavailable)):
                await mailer(url.replace(url.split(":")[2].partition("?")[0], str(port))).send(MAIL)
    finally:
        hanging.close()
        await asyncio.sleep(1)


async def test_nobody_listens(tmp_path: Path):
    """The mail waits."""
    with smtp_server(tmp_path) as server:
        url = server.url
    with pytest.raises(Unavailable):
        await mailer(url).send(MAIL)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:587", "http://mail.example?from=a@b.example", "smtp://mail.example", "smtp://?from=a@b.example",
        "smtp://mail.example?from=nobody", "smtp://mail.example?from=a@b.example&starttls=no",
        "smtp://mail.example/path?from=a@b.example", "smtp://user@mail.example?from=a@b.example",
        "smtp://user:secret@mail.example?from=a@b.example", "smtp://mail.example?from=a@b.example&password_file=/x",
        "smtp://mail.example:99999?from=a@b.example", "smtp://mail.example?from=a@b.example&ca=/nowhere/ca.pem",
        "smtp://user@mail.example?from=a@b.example&password_file=/nowhere/password",
        "smtp://mail.example?from=a@b.example%0d%0aBcc:c@d.example",
    ],
)  # fmt: skip
def test_a_setting_that_says_nothing_is_refused(url: str):
    """At the start, by its name, and without a password that stands in it."""
    with pytest.raises(StartRefused, match="VAULT_SMTP_URL") as refusal:
        mailer(url)
    assert "secret" not in str(refusal.value)


def test_the_ports_of_the_schemes():
    """Those of RFC 6409 and RFC 8314."""
    assert mailer("smtp://mail.example?from=a@b.example").port == 587
    assert mailer("smtps://mail.example?from=a@b.example").port == 465
    assert "secret" not in repr(SmtpMailer(**_fields(password="secret")))


def _fields(**more: Any) -> dict[str, Any]:
    made = mailer("smtp://mail.example?from=a@b.example")
    return {name: getattr(made, name) for name in made.__slots__} | more


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("ada@acme.example", True), ("ada.byron+vault@sub.acme.example", True), ("o'hara@acme.example", True),
        ("ada@localhost", True), ("a" * 64 + "@acme.example", True),
        ("a" * 65 + "@acme.example", False), ("ada@acme.example\nBcc: x@y.example", False),
        ("ada@acme.example\r\n", False), ("ada@acme.example>", False), ("<ada@acme.example", False),
        ("ada@acme.example,eve@evil.example", False), ("ada@acme.example;eve@evil.example", False),
        ('"ada b"@acme.example', False), ("ada(x)@acme.example", False), ("ada@[192.0.2.1]", False),
        ("ada@-acme.example", False), ("ada..b@acme.example", False), (".ada@acme.example", False),
        ("ädä@acme.example", False), ("ada@äcme.example", False), ("ada", False), ("", False),
        ("ada@acme.example\0", False), ("a@" + "b" * 260 + ".example", False),
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_not_mailed_to(address: str, is_one: bool):
    """Nothing in an address ends a line, begins a parameter, or is another address."""
    assert is_mailable(address) is is_one
