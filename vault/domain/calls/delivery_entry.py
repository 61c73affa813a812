"""Entries of the delivery log: what the vault answered to the requests of a connection's platform."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

#: How a request ended: the status that its answer names; ``rejected`` for a 4xx, ``failed`` for a 5xx, and
#: ``answered`` for call instructions.
Outcome = Literal[
    "accepted", "duplicate", "refused", "erased", "noted", "ignored", "answered", "rejected", "failed"
]
#: How long entries are kept.
KEPT: Final = timedelta(days=30)
#: Words of lowercase and uppercase letters: no number, no address, nothing as long as a text.
_EVENT = re.compile(r"[A-Za-z]{1,32}(?:[ ._-][A-Za-z]{1,32}){0,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEntry:
    """One answer, or a number of equal ones, as codes and sentences: of what was sent, it has the event alone."""

    id: str
    account_id: str
    connection_id: str
    #: When the first of its requests was answered.
    at: datetime
    #: The platform's name of the event; None if it sent none, none that is a name, or was not authentic.
    event: str | None
    status: int
    outcome: Outcome
    #: Why, as a code; None where the outcome says everything.
    reason: str | None
    #: The sentence of the answer.
    detail: str | None
    recording_id: str | None
    #: How many requests got this answer.
    requests: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which entries of a connection to list; None means all."""

    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None


def event_name(text: object) -> str | None:
    """Return what a platform calls an event, if it is a name."""
    return text if isinstance(text, str) and _EVENT.fullmatch(text) else None
