"""The simulated call and the provider's copy of its recording."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.calls.call import Direction

#: Fictitious numbers (555-0100 to 555-0199), in E.164: the outside party's, and the account's own line.
CUSTOMER, LINE = "+14155550187", "+14155550123"
#: The duration of the ringing, and of the whole call: the bundled sample has 34 seconds.
RINGING, LENGTH = timedelta(seconds=5), timedelta(seconds=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCall:
    """A call that has ended. Its times are whole seconds, because some providers send no finer ones."""

    #: The provider's own id of the call.
    ref: str
    direction: Direction
    started_at: datetime
    answered_at: datetime
    ended_at: datetime

    @property
    def caller(self) -> str:
        """Return the caller's number in E.164."""
        return CUSTOMER if self.direction == "inbound" else LINE

    @property
    def callee(self) -> str:
        """Return the callee's number in E.164."""
        return LINE if self.direction == "inbound" else CUSTOMER

    @property
    def seconds(self) -> int:
        """Return the call's duration, ringing included."""
        return int((self.ended_at - self.started_at).total_seconds())

    @property
    def talk_seconds(self) -> int:
        """Return the duration of the conversation, which is recorded."""
        return int((self.ended_at - self.answered_at).total_seconds())

    def related(self, what: str) -> uuid.UUID:
        """Return another id of this call, the same each time: of a leg, a session, an agent."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.ref}/{what}")


def call_that_ended(at: datetime, *, ref: str, direction: Direction) -> SimulatedCall:
    """Return a call of the usual length that ended at ``at``."""
    ended = at.replace(microsecond=0)
    return SimulatedCall(
        ref=ref,
        direction=direction,
        started_at=ended - LENGTH,
        answered_at=ended - LENGTH + RINGING,
        ended_at=ended,
    )


@dataclass(slots=True, kw_only=True, repr=False)
class Copy:
    """The provider's copy of a recording, until it is deleted."""

    #: The provider's own id of the recording.
    ref: str
    call: SimulatedCall
    audio: bytes
    #: Whether the announced URL is dead: expired if the provider's URLs expire, else answered once with 404.
    expired: bool = False
    #: How often the audio was served.
    fetched: int = 0
    deleted: bool = False
