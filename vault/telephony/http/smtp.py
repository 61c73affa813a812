"""Sends mail by the operator's mail server (RFC 6409): by TLS from the beginning or STARTTLS, never without."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as LINES
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused

from vault.domain.outbox.mail import Mail, is_mailable
from vault.domain.urls import split_url
from vault.errors import FetchFailed, StartRefused, Unavailable
from vault.ports.clock import Clock
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds of an attempt, whose message is leased for 30 and begins within 5; and to say goodbye.
_TIMEOUT: Final = 20.0
_GOODBYE: Final = 1.0
_OPTIONS: Final = frozenset({"from", "password_file", "ca"})
#: The port of each scheme, where the URL has none (RFC 6409, RFC 8314).
_PORTS: Final = {"smtp": 587, "smtps": 465}
_ACCEPTED: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """A mail server that takes mail of the vault."""

    host: str
    port: int
    #: Whether TLS begins with the connection; otherwise STARTTLS is required.
    uses_tls: bool
    context: ssl.SSLContext
    sender: str
    #: The vault's own host, as it says it to the server.
    own_host: str
    clock: Clock
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    is_set: bool = True

    async def send(self, mail: Mail) -> int:
        """Send a mail by a connection of its own."""
        client = SMTP(
            hostname=self.host, port=self.port, use_tls=self.uses_tls, start_tls=not self.uses_tls,
            tls_context=self.context, local_hostname=self.own_host, username=self.user, password=self.password,
            timeout=_TIMEOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_TIMEOUT):
                await _connect(client)
                code = await _deliver(client, self.sender, mail.to, self._written(mail))
        except TimeoutError:
            raise _unknown("TimeoutError") from None
        finally:
            client.close()
        return code

    def _written(self, mail: Mail) -> bytes:
        message = EmailMessage(policy=LINES)
        message["From"] = Address(addr_spec=self.sender)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(self.clock())
        message["Message-ID"] = f"<{mail.id}@{self.own_host}>"
        # Nobody's absence is to answer it (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, cte="quoted-printable")
        return message.as_bytes()


async def _connect(client: SMTP) -> None:
    """Connect, encrypt, sign in. Raises Unavailable: what is wrong is the operator's, and in the log of the process."""
    try:
        await client.connect()
    except (SMTPException, OSError, ValueError) as error:
        code = error.code if isinstance(error, SMTPResponseException) else None
        _LOG.warning("smtp.unavailable", error=type(error).__name__, status=code)
        raise Unavailable("The mail server of the operator cannot be used now.") from None


async def _deliver(client: SMTP, sender: str, to: str, written: bytes) -> int:
    """Return the code of the answer. Raises Unavailable, FetchFailed."""
    try:
        await client.sendmail(sender, [to], written)
    except SMTPRecipientsRefused as error:
        return int(error.recipients[0].code)
    except SMTPSenderRefused as error:
        _LOG.warning("smtp.sender_refused", status=error.code)
        raise Unavailable("The mail server of the operator refuses the sender.") from None
    except SMTPResponseException as error:
        return int(error.code)
    except TimeoutError:
        raise
    except (SMTPException, OSError) as error:
        raise _unknown(type(error).__name__) from None
    # It has the mail, whatever becomes of the connection.
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_GOODBYE):
            await client.quit()
    return _ACCEPTED


def _unknown(error: str) -> FetchFailed:
    _LOG.warning("smtp.no_answer", error=error)
    return FetchFailed("The mail server did not answer.")


def mailer_of(url: str, public_url: str, clock: Clock) -> SmtpMailer:
    """Return the mail server of a setting. Raises StartRefused, naming it."""
    parts = split_url(url)
    try:
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _refusal() from None
    user = None if parts.username is None else unquote(parts.username)
    named = parts.hostname and not parts.path.strip("/") and parts.password is None and not parts.fragment
    complete = (user is not None) is ("password_file" in options) and is_mailable(options.get("from", ""))
    if not named or not complete or not options.keys() <= _OPTIONS:
        raise _refusal()
    return SmtpMailer(
        host=parts.hostname or "",
        port=port,
        uses_tls=parts.scheme == "smtps",
        context=_context(options.get("ca")),
        sender=options["from"],
        own_host=split_url(public_url).hostname or "",
        clock=clock,
        user=user,
        password=_password(options.get("password_file")),
    )


def _refusal() -> StartRefused:
    return StartRefused(
        "VAULT_SMTP_URL must be smtp://user@host:587 (STARTTLS) or smtps://user@host:465 (TLS), with ?from= the "
        "sender's address, and files: password_file= of the user, ca=. A password is never in the URL."
    )


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ValueError):
        raise StartRefused("The file ca= of VAULT_SMTP_URL cannot be read as PEM by this process.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _password(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        password = Path(file).read_text("utf-8").strip("\r\n")
    except (OSError, ValueError):
        password = ""
    if not password:
        raise StartRefused("The file password_file= of VAULT_SMTP_URL cannot be read, or is empty.")
    return password
