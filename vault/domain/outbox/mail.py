"""A mail of the vault: text for one reader, and what the answer of a mail server means."""

import re
from dataclasses import dataclass
from typing import Final

from vault.domain.outbox.attempt import Attempt, Outcome

#: An address that is sent to as it is: a dot-atom and a host name (RFC 5321, 4.1.2), in ASCII. Nothing in it ends a
#: line, begins a parameter, or separates addresses.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM}){{0,31}}@{_LABEL}(?:\.{_LABEL}){{0,31}}")
_MAX_LOCAL, _MAX_ADDRESS = 64, 254
_ACCEPTED: Final = range(200, 300)
_FOR_GOOD: Final = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mail:
    """A mail to one address."""

    #: The same at each attempt, so that a mailbox can tell a mail that comes twice.
    id: str
    to: str
    subject: str
    #: Lines of plain text.
    text: str


def is_mailable(address: str) -> bool:
    """Return whether mail can be sent to an address: those with other letters than ASCII need what few servers have."""
    local = address.partition("@")[0]
    return (
        len(local) <= _MAX_LOCAL and len(address) <= _MAX_ADDRESS and _ADDRESS.fullmatch(address) is not None
    )


def mail_attempt(code: int) -> Attempt:
    """Return what the answer of a mail server to a mail means (RFC 5321, 4.2.1): 5xx is for good, 4xx is not."""
    if code in _ACCEPTED:
        return Attempt(outcome=Outcome.ACCEPTED, status=code)
    if code in _FOR_GOOD:
        failure = f"The mail server does not take mail for this address ({code})."
        return Attempt(outcome=Outcome.REFUSED, status=code, failure=failure)
    failure = f"The mail server does not take mail for this address now ({code})."
    return Attempt(outcome=Outcome.FAILED, status=code, failure=failure)
