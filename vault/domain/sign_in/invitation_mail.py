"""The mail that brings an invited person the address of an invitation: what waits of it, and its text."""

import json
import tomllib
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from vault.backoff import Backoff
from vault.domain.outbox.mail import Mail
from vault.domain.sign_in.invitation import Invitation

#: The kind of these messages in the outbox, and what happened.
KIND: Final = "invitations"
TYPE: Final = "invitation.issued"
#: Over some two days; the address itself can be used for seven.
BACKOFF: Final = Backoff(first=timedelta(minutes=1), most=timedelta(hours=6))
MAX_TRIES: Final = 20
MailLanguage = Literal["en", "fr", "de", "es"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WaitingMail:
    """What is sealed until the mail is sent: nobody else learns the address of the invitation."""

    to: str
    #: The secret in the address of the invitation.
    secret: str
    language: MailLanguage


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTexts:
    """The texts of one language; ``{host}``, ``{start}`` and ``{end}`` are filled in."""

    language: str
    subject: str
    #: What it begins with for a person without passkeys, and for one whose passkeys the new one replaces.
    invited: str
    replaced: str
    #: What both end with.
    care: str


def parse_mail_texts(source: str) -> MailTexts:
    """Parse the TOML file of one language. Raises TypeError, ValueError for a missing, unknown or empty text."""
    texts = MailTexts(**tomllib.loads(source))
    if not all(isinstance(one, str) and one.strip() for one in astuple(texts)):
        raise ValueError("A file of mail texts has an empty text.")
    return texts


def destination_of(person_id: str) -> str:
    """Return the destination of the mails to a person: one whose mailbox fails keeps no other waiting."""
    return f"{KIND}/{person_id}"


def person_of(destination: str) -> str:
    """Return the person of a destination."""
    return destination.removeprefix(f"{KIND}/")


def encode_waiting(waiting: WaitingMail) -> str:
    """Encode what waits, to be sealed."""
    return json.dumps({"to": waiting.to, "secret": waiting.secret, "language": waiting.language})


def decode_waiting(text: str) -> WaitingMail:
    """Decode what the vault sealed."""
    return WaitingMail(**json.loads(text))


def mail_of(waiting: WaitingMail, invitation: Invitation, texts: MailTexts, address: str) -> Mail:
    """Return the mail: the address, and nothing about the person."""
    host = address.partition("://")[2].partition("/")[0]
    said = {"host": host, "start": _time(invitation.starts_at), "end": _time(invitation.ends_at)}
    is_replaced = invitation.starts_at > invitation.created_at
    begin = texts.replaced if is_replaced else texts.invited
    return Mail(
        id=invitation.id,
        to=waiting.to,
        subject=texts.subject.format(**said),
        text=f"{begin.format(**said)}\n\n{address}\n\n{texts.care.format(**said)}\n",
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
