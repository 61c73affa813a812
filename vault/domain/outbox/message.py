"""A message that waits to be sent to one destination."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message with ids and codes alone: what it sends beside them is read when it is sent."""

    #: Its kind and the kind's own id of the receiver, such as ``request_callbacks/acct_1``.
    destination: str
    #: Unique at its destination, and the same at each attempt.
    id: str
    account_id: str
    #: The folder of ``vault/services/outbox/kinds`` that sends it.
    kind: str
    #: What happened, such as ``request.closed``.
    type: str
    #: When it happened.
    at: datetime
    content: Mapping[str, str]
    #: The recording that it is about; with the recording's erasure it is deleted.
    recording_id: str | None = None
    #: Whether it stays nevertheless, as one that says ids alone and that an erasure has overtaken it.
    outlives_erasure: bool = False
    #: How often it was sent, or was about to be.
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMessage:
    """A message under a lease: until it ends, nobody else sends it."""

    message: Message
    token: str
    #: Whether the last attempt at its destination was a failure.
    is_failing: bool = False


#: What to do with a message now: send it, delete it, or look again later.
Then = Literal["send", "drop", "wait"]
_STRICTEST: tuple[Then, ...] = ("drop", "wait", "send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds of the subject of a message, read in the transaction that permits its sending."""

    #: Whether the account still records.
    is_switched_on: bool
    #: Whether the recording is erased or never was; False for a message about no recording.
    is_erased: bool = False
    is_restricted: bool = False
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """What a message of a kind does where something stands against it. No rule has a default."""

    switched_off: Then
    erased: Then
    restricted: Then
    held: Then

    def then(self, standing: Standing) -> Then:
        """Return what to do now; the strictest rule wins."""
        applying = {
            self.switched_off if not standing.is_switched_on else "send",
            self.erased if standing.is_erased else "send",
            self.restricted if standing.is_restricted else "send",
            self.held if standing.is_held else "send",
        }
        return next(one for one in _STRICTEST if one in applying)
