"""A real mail server on loopback (aiosmtpd), which keeps what it takes, and answers as a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server  # noqa: N811 - a class
from aiosmtpd.smtp import AuthResult, Envelope, Session

from tests.servers.certificates import certificate
from tests.servers.ports import free_ports

NAME = "localhost"
USER, PASSWORD = "vault@acme.example", "päss word"


@dataclass
class Mailboxes:
    """What arrived, and how the server answers to the steps of a mail; the first answer left counts."""

    senders: list[str] = field(default_factory=list)
    #: Addresses of the envelopes, also of mails that were not taken.
    asked: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    #: Users of connections that signed in, and whether TLS was there when they did.
    signed_in: list[tuple[str, bool]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    #: Close the connection instead of the answer to a mail that was taken.
    dies_after_mail: bool = False

    def answer(self, step: str, *answers: str) -> None:
        """Answer to MAIL, RCPT or DATA with these, one after the other, then as usual."""
        self.answers[step] = list(answers)

    def _next(self, step: str, usual: str) -> str:
        waiting = self.answers.get(step)
        return waiting.pop(0) if waiting else usual

    async def handle_MAIL(  # noqa: N802 - the names of aiosmtpd
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender."""
        self.senders.append(address)
        answer = self._next("MAIL", "250 OK")
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address."""
        self.asked.append(address)
        answer = self._next("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        answer = self._next("DATA", "250 OK")
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = BytesParser(policy=default).parsebytes(content)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        if self.dies_after_mail:
            server.transport.abort()
        return answer

    def check(
        self, server: Server, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Sign a user in."""
        right = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        self.signed_in.append(
            (data.login.decode(), server.transport.get_extra_info("ssl_object") is not None)
        )
        return AuthResult(success=right, handled=False)


@dataclass(frozen=True)
class SmtpServer:
    """A server that runs."""

    mailboxes: Mailboxes
    #: For VAULT_SMTP_URL, with the user and without.
    url: str
    url_without_user: str


@contextmanager
def smtp_server(folder: Path, *, tls: str = "starttls", name: str = NAME) -> Iterator[SmtpServer]:
    """Run a server that wants a user; ``tls``: starttls, immediately, or never. ``name`` is in its certificate."""
    context, _ = certificate(folder, name)
    mailboxes = Mailboxes()
    (port,) = free_ports(1)
    options: dict[str, Any] = {"authenticator": mailboxes.check, "decode_data": False}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    else:
        options |= {"auth_require_tls": False}
    controller = Controller(
        mailboxes, hostname="127.0.0.1", port=port,
        ssl_context=context if tls == "immediately" else None, **options,
    )  # fmt: skip
    controller.start()
    try:
        yield SmtpServer(mailboxes, *_urls(folder, port, name, tls))
    finally:
        controller.stop()


def _urls(folder: Path, port: int, name: str, tls: str) -> tuple[str, str]:
    password = folder / "smtp-password"
    password.write_text(f"{PASSWORD}\n", "utf-8")
    scheme = "smtps" if tls == "immediately" else "smtp"
    files = f"from=vault@acme.example&ca={folder / name}.pem"
    return (
        f"{scheme}://vault%40acme.example@localhost:{port}?{files}&password_file={password}",
        f"{scheme}://localhost:{port}?{files}",
    )
