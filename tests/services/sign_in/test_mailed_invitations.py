"""The address of an invitation by mail: who reads the mailbox gets it, and nobody else, whatever dies meanwhile."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.fakes.mailer import FakeMailer
from tests.servers.smtp_server import smtp_server
from tests.services.sign_in.test_invited_approvals import asked_for, issuing
from tests.support.approvals import approve, rule
from tests.support.invited import ADMIN, BY_ALL, accept, become, device_of, events, is_welcome
from tests.support.outbox import let_time_come, send_due
from tests.support.parties import ME
from tests.support.retention import FIRST
from tests.support.service_house import LONG_AGO, House, another_node
from vault.composition.adapters import mail_texts
from vault.database.schema.outbox import outbox_attempts, outbox_messages
from vault.domain.approvals.approval import ApprovalState
from vault.domain.outbox.mail import Mail
from vault.domain.sign_in.invitation import RECOVERY_WAIT
from vault.domain.sign_in.invitation_mail import MAX_TRIES
from vault.errors import ApprovalNeeded, FetchFailed, Invalid, Unavailable
from vault.services.outbox.send_outbox import SendOutbox
from vault.services.sign_in.invitation_mails import MailShown
from vault.services.sign_in.invitations import Issued
from vault.telephony.http.smtp import mailer_of
from vault.thread_pools import Threads


@pytest.fixture
def mailer() -> FakeMailer:
    """The operator's mail server."""
    return FakeMailer()


@pytest.fixture
async def mailing(
    either: House, mailer: FakeMailer, tmp_path: Path, threads: Threads
) -> AsyncIterator[House]:
    """A vault that mails."""
    node = another_node(either, tmp_path, threads, mailer=mailer)
    yield node
    await node.vault.jobs.send_outbox.stop()


async def invite(house: House, **more: Any) -> Issued:
    """Invite somebody by mail, in German."""
    terms = replace(ADMIN, **more)
    return await house.vault.sign_in.invited_people.invite(
        house.account.id, terms, mail_language="de", actor=FIRST
    )


async def again(house: House, person_id: str) -> Issued:
    """Mail another address to a person."""
    return await house.vault.sign_in.invitations.issue(
        house.account.id, person_id, mail_language="en", **BY_ALL
    )


def secret_in(mail: Mail) -> str:
    """Return the secret of the address in a mail."""
    (found,) = re.findall(r"/console/invitation/([\w-]{43})$", mail.text, re.MULTILINE)
    return str(found)


async def shown(house: House, issued: Issued) -> MailShown | None:
    """Return how the mail to a person stands, as the administrator sees it."""
    member = await house.vault.sign_in.members.get(house.account.id, issued.invitation.person_id)
    return member.mail


async def stored(house: House) -> str:
    """Return everything that the outbox has in its rows."""

    def read(tx: Any) -> str:
        rows = [tx.connection.execute(select(table)).all() for table in (outbox_messages, outbox_attempts)]
        return repr(rows)

    return await house.database.read(read)


async def test_the_address_goes_to_the_mailbox_alone(mailing: House, mailer: FakeMailer):
    """It signs the person in. Wrong: to keep the secret or the e-mail address as they are while it waits, or later."""
    issued = await invite(mailing)
    assert issued.is_mailed
    before = await stored(mailing)
    assert "inv_" in before
    assert [word for word in (issued.token.text, ADMIN.email or "", ADMIN.name) if word in before] == []
    assert (await shown(mailing, issued)) == MailShown(state="waiting", failure=None, code=None, at=None)
    await send_due(mailing)
    (mail,) = mailer.sent
    assert (mail.to, mail.id) == (ADMIN.email, issued.invitation.id)
    assert ADMIN.name not in mail.subject + mail.text
    assert "Einladung" in mail.subject
    sent = await shown(mailing, issued)
    assert (sent and sent.state, sent and sent.code) == ("sent", 250)
    await accept(mailing, secret_in(mail), device_of(mailing))
    assert issued.token.text not in await stored(mailing)
    assert [one for one in await events(mailing) if one.startswith(("message", "inv"))] == [
        "invitation.issued", "message.sent", "message.accepted", "invitation.ended",
    ]  # fmt: skip


async def test_a_refusal_is_told_and_not_repeated(mailing: House, mailer: FakeMailer):
    """5xx about one address keeps no other person waiting. Wrong: to try it for days, or to rest the mail server."""
    mailer.answers = [550]
    refused, other = await invite(mailing), await invite(mailing, email="ben@acme.example")
    await send_due(mailing)
    await let_time_come(mailing)
    await send_due(mailing)
    assert sorted(one.to for one in mailer.sent) == ["ada@acme.example", "ben@acme.example"]
    mails = [await shown(mailing, one) for one in (refused, other)]
    assert {(one.state, one.code) for one in mails if one} == {("failed", 550), ("sent", 250)}
    assert "message.given_up" in await events(mailing)
    bad = refused if (await shown(mailing, refused)).state == "failed" else other  # type: ignore[union-attr]
    anew = await again(mailing, bad.invitation.person_id)
    await send_due(mailing)
    assert (await shown(mailing, anew)).state == "sent"  # type: ignore[union-attr]
    assert not await is_welcome(mailing, bad.token.text)
    assert await is_welcome(mailing, secret_in(mailer.sent[-1]))


@pytest.mark.parametrize(
    ("answer", "code", "failure"),
    [
        (450, 450, "The mail server does not take mail for this address now (450)."),
        (Unavailable("x"), None, "The vault could not send it. It tries again."),
        (FetchFailed("The mail server did not answer."), None, "The mail server did not answer."),
    ],
)
async def test_what_may_pass_is_tried_again_with_the_same_address(
    mailing: House, mailer: FakeMailer, answer: Any, code: int | None, failure: str
):
    """Wrong: a new secret for each attempt, with which the mail that did arrive would open nothing."""
    mailer.answers = [answer]
    issued = await invite(mailing)
    await send_due(mailing)
    waiting = await shown(mailing, issued)
    assert waiting is not None
    assert (waiting.state, waiting.code, waiting.failure) == ("waiting", code, failure)
    await let_time_come(mailing)
    await send_due(mailing)
    first, second = mailer.sent
    assert (first.id, secret_in(first)) == (second.id, secret_in(second))
    assert await is_welcome(mailing, secret_in(first))


async def test_it_is_given_up_in_the_end(mailing: House, mailer: FakeMailer):
    """And the administrator sees that."""
    mailer.answers = [450] * 2 * MAX_TRIES
    issued = await invite(mailing)
    for _ in range(MAX_TRIES + 3):
        await let_time_come(mailing)
        await send_due(mailing)
    assert len(mailer.sent) == MAX_TRIES
    assert (await shown(mailing, issued)).state == "failed"  # type: ignore[union-attr]


async def test_a_node_that_dies_between_the_mail_and_its_note(
    mailing: House, mailer: FakeMailer, monkeypatch: pytest.MonkeyPatch
):
    """The mail comes twice, under one id and with one address, which works."""

    async def die(*_: Any) -> None:
        raise RuntimeError("The node died.")

    issued = await invite(mailing)
    with monkeypatch.context() as dying:
        dying.setattr(SendOutbox, "_end", die)
        await send_due(mailing)
    assert (await shown(mailing, issued)).state == "waiting"  # type: ignore[union-attr]
    leases = update(outbox_messages).values(lease_until=LONG_AGO)
    await mailing.database.write(lambda tx: tx.connection.execute(leases) and None)
    await let_time_come(mailing)
    await send_due(mailing)
    first, second = mailer.sent
    assert (first.id, secret_in(first)) == (second.id, secret_in(second))
    await accept(mailing, secret_in(first), device_of(mailing))
    assert issued.token.text == secret_in(first)


async def test_what_ended_is_not_mailed(mailing: House, mailer: FakeMailer):
    """Revoked, or the person removed, before it was sent."""
    revoked, removed = await invite(mailing), await invite(mailing)
    account_id = mailing.account.id
    one = revoked.invitation
    await mailing.vault.sign_in.invitations.revoke(account_id, one.person_id, one.id, **ME)
    await mailing.vault.sign_in.members.remove(account_id, removed.invitation.person_id, **ME)
    await send_due(mailing)
    assert mailer.sent == []
    assert await stored(mailing) == "[[], []]"
    assert (await events(mailing)).count("message.superseded") == 2


async def test_of_two_addresses_the_later_is_mailed(mailing: House, mailer: FakeMailer):
    """It revoked the one before it, whose mail still waited."""
    first = await invite(mailing)
    second = await again(mailing, first.invitation.person_id)
    await send_due(mailing)
    assert [mail.id for mail in mailer.sent] == [second.invitation.id]
    assert (await events(mailing)).count("message.superseded") == 1
    assert await stored(mailing) != "[[], []]"


async def test_it_goes_where_it_was_when_it_was_issued(mailing: House, mailer: FakeMailer):
    """Whoever changes the e-mail address of a person gets no address that was given before."""
    issued = await invite(mailing)
    await mailing.vault.sign_in.invited_people.change(
        mailing.account.id,
        issued.invitation.person_id,
        become(replace(ADMIN, email="eve@evil.example")),
        **BY_ALL,
    )
    await send_due(mailing)
    assert [mail.to for mail in mailer.sent] == [ADMIN.email]


async def test_a_lost_passkey_is_replaced_by_mail_after_a_day(mailing: House, mailer: FakeMailer):
    """The mail says from when."""
    first = await invite(mailing)
    await send_due(mailing)
    await accept(mailing, secret_in(mailer.sent[0]), device_of(mailing))
    made = await again(mailing, first.invitation.person_id)
    await send_due(mailing)
    starts_at = made.invitation.starts_at
    assert starts_at - made.invitation.created_at == RECOVERY_WAIT
    text = mailer.sent[1].text
    assert f"from {starts_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" in text
    assert "takes the place" in text


async def test_with_a_rule_it_is_mailed_once_it_is_approved(mailing: House, mailer: FakeMailer):
    """Neither who asked nor who approved sees it. Wrong: to mail before the approval, or to leave it to be shown."""
    await rule(mailing, "recording_erasure")
    member = {"name": ADMIN.name, "email": ADMIN.email, "roles": ["admin"], "agents": []}
    arguments = {"member": {**member, "mail_language": "fr"}}
    asked = await asked_for(mailing, invite(mailing), arguments=arguments)
    await send_due(mailing)
    assert mailer.sent == []
    assert (await approve(mailing, asked)).state is ApprovalState.EXECUTED
    await send_due(mailing)
    (mail,) = mailer.sent
    (person,) = await mailing.vault.sign_in.members.page(mailing.account.id, before=None, limit=5)
    assert person.invitation is not None
    assert person.invitation.waits_for is None
    with pytest.raises(ApprovalNeeded):
        await issuing(mailing, person.row.id, FIRST)
    await accept(mailing, secret_in(mail), device_of(mailing))
    asked = await asked_for(mailing, again(mailing, person.row.id), person.row.id, {"mail_language": "en"})
    assert (await approve(mailing, asked)).state is ApprovalState.EXECUTED
    await send_due(mailing)
    person = await mailing.vault.sign_in.members.get(mailing.account.id, person.row.id)
    assert person.invitation is not None
    assert person.invitation.starts_at - person.invitation.created_at == RECOVERY_WAIT
    assert not await is_welcome(mailing, secret_in(mail))


async def test_what_cannot_be_mailed_is_said_before(mailing: House, mailer: FakeMailer):
    """By the field, with the remedy; nobody is invited."""
    for email in (None, "a,b@acme.example", "ädä@acme.example", "ada@acme.example>"):
        with pytest.raises(Invalid) as invalid:
            await invite(mailing, email=email)
        assert invalid.value.field == "email"
    mailer.is_set = False
    with pytest.raises(Invalid, match="no mail server") as invalid:
        await invite(mailing)
    assert invalid.value.field == "mail_language"
    assert await mailing.vault.sign_in.members.page(mailing.account.id, before=None, limit=5) == []


async def test_by_a_real_mail_server(either: House, tmp_path: Path, threads: Threads):
    """Of each language: it arrives as it was written, and its address works."""
    with smtp_server(tmp_path) as server:
        client = mailer_of(server.url, "https://vault.example", lambda: datetime.now(UTC))
        house = another_node(either, tmp_path, threads, mailer=client)
        for language in mail_texts():
            await house.vault.sign_in.invited_people.invite(
                house.account.id,
                ADMIN,
                mail_language=language,
                **ME,  # type: ignore[arg-type]
            )
        await send_due(house)
    assert len(server.mailboxes.mails) == len(mail_texts()) == 4
    for mail in server.mailboxes.mails:
        text = mail.get_content().replace("\r\n", "\n")
        assert "{" not in text + mail["Subject"]
        secret = secret_in(Mail(id="", to="", subject="", text=text))
        assert await is_welcome(house, secret)
