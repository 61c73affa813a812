"""The last word on sessions: where a process died in the middle of an answer, the log says what was sent at most.

Every request of a session ends with an event that says how many bytes were sent. One that was cut off by
a crash has none; what it was granted is an upper bound. A crash in the middle of this verb leaves sessions
that it finds again, and of their events those that it has not read.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.audio_requests import Requests
from vault.domain.audit_log.listening import last_words
from vault.ports.access_log import UnsettledSession
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.shared.clock_skew import earlier

#: Sessions, and events, that are read at once.
_SESSION_BATCH_SIZE, _EVENT_BATCH_SIZE = 100, 1000


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
        of_recording: defaultdict[tuple[str, str], list[UnsettledSession]] = defaultdict(list)
        for session in due:
            of_recording[session.account_id, session.recording_id].append(session)
        for (account_id, recording_id), sessions in of_recording.items():
            requests = await self._requests(account_id, recording_id, sessions)
            for session in sessions:
                missing = last_words(requests[session.session_id], at=self.clock())
                await self.database.write(partial(_settle, session=session, missing=missing))
        return True

    def _due(self, tx: Transaction) -> Sequence[UnsettledSession]:
        # The earlier of two clocks: by one that is ahead, sessions would be over that still play.
        return tx.links.unsettled(earlier(tx, self.clock()) - self.grace, limit=_SESSION_BATCH_SIZE)

    async def _requests(
        self, account_id: str, recording_id: str, sessions: Sequence[UnsettledSession]
    ) -> dict[str, Requests]:
        """Read the recording's events once for all its sessions, page by page; return the requests of each."""
        found = {session.session_id: Requests() for session in sessions}
        begins = {session.session_id: session.log_size for session in sessions}
        start: int | None = min(begins.values())
        while start is not None:
            page = await self.database.read(
                lambda tx, start=start: tx.events.page(  # type: ignore[misc]
                    account_id, recording_id=recording_id, start=start, limit=_EVENT_BATCH_SIZE
                )
            )
            for one in page:
                named = one.event.session_id or ""
                if named in found and one.index >= begins[named]:
                    found[named].take(one.index, one.event)
            start = page[-1].index + 1 if len(page) == _EVENT_BATCH_SIZE else None
            if start is not None:
                await self._progress(found, start)
        return found

    async def _progress(self, found: dict[str, Requests], start: int) -> None:
        """Note where reading may begin after a restart, for sessions none of whose requests is open there."""
        closed = [session_id for session_id, requests in found.items() if not requests.any_open]
        await self.database.write(lambda tx: tx.links.read_until(closed, start))
        for session_id in closed:
            found[session_id] = Requests()


def _settle(tx: Transaction, *, session: UnsettledSession, missing: list[AccessEvent]) -> None:
    # Another node may have said it meanwhile; a session has one last word.
    if tx.links.settle(session.session_id):
        for event in missing:
            tx.events.append(event)
