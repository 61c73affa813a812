"""The last word on sessions: where a process died in the middle of an answer, the log says what was sent at most.

Every request of a session ends with an event that says how many bytes were sent. One that was cut off by
a crash has none; what it was granted is an upper bound. A crash in the middle of this verb leaves sessions
that it finds again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from vault.domain.access_event import AccessEvent
from vault.domain.listening import last_words
from vault.ports.access_log import UnsettledSession
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.workflows.two_clocks import earlier

#: Sessions, and events, that are read at once.
_SESSIONS_AT_ONCE, _EVENTS_AT_ONCE = 100, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions:
    """Write what is missing at the end of sessions that are over."""

    database: Database
    clock: Clock
    #: How long after a session's end the last window may still be on its way to a slow reader.
    grace: timedelta = timedelta(minutes=10)

    async def __call__(self) -> bool:
        """End the sessions that are due; False if none was."""
        due = await self.database.read(self._due)
        if not due:
            return False
        # What still waits for the sequencer must be seen too.
        await self.database.write(lambda tx: tx.tree.settle())
        for session in due:
            missing = last_words(await self._events(session), at=self.clock())
            await self.database.write(partial(_settle, session=session, missing=missing))
        return True

    def _due(self, tx: Transaction) -> Sequence[UnsettledSession]:
        # The earlier of two clocks: by one that is ahead, sessions would be over that still play.
        return tx.links.unsettled(earlier(tx, self.clock()) - self.grace, limit=_SESSIONS_AT_ONCE)

    async def _events(self, session: UnsettledSession) -> list[AccessEvent]:
        found: list[AccessEvent] = []
        start: int | None = session.log_size
        while start is not None:
            page = await self.database.read(
                lambda tx, start=start: tx.events.page(  # type: ignore[misc]
                    session.account_id, recording_id=session.recording_id, start=start, limit=_EVENTS_AT_ONCE
                )
            )
            found += [one.event for one in page if one.event.session_id == session.session_id]
            start = page[-1].index + 1 if len(page) == _EVENTS_AT_ONCE else None
        return found


def _settle(tx: Transaction, *, session: UnsettledSession, missing: list[AccessEvent]) -> None:
    # Another node may have said it meanwhile; a session has one last word.
    if tx.links.settle(session.session_id):
        for event in missing:
            tx.events.append(event)
