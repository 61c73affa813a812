"""The simulated call and the provider's copy of its recording."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.calls.call import Direction

#: Numbers for fiction (555-0100 to 555-0199), in E.164: who called or was called, and the account's own line.
CUSTOMER, LINE = "+14155550187", "+14155550123"
#: How long it rang, and how long the whole call took: the bundled sample has 34 seconds.
RINGING, LENGTH = timedelta(seconds=5), timedelta(seconds=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCall:
    """A call that is over. Its times are whole seconds, because some providers tell no finer ones."""

    #: The provider's own id of the call.
    ref: str
    direction: Direction
    started_at: datetime
    answered_at: datetime
    ended_at: datetime

    @property
    def caller(self) -> str:
        """Return who called, in E.164."""
        return CUSTOMER if self.direction == "inbound" else LINE

    @property
    def callee(self) -> str:
        """Return who was called, in E.164."""
        return LINE if self.direction == "inbound" else CUSTOMER

    @property
    def seconds(self) -> int:
        """Return how long it took, ringing included."""
        return int((self.ended_at - self.started_at).total_seconds())

    @property
    def talk_seconds(self) -> int:
        """Return how long was talked, and recorded."""
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
    #: The announced URL is already dead: expired where URLs expire, else answered once with 404.
    expired: bool = False
    #: How often its bytes were handed out.
    fetched: int = 0
    deleted: bool = False
