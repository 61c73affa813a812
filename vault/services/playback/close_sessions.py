"""End events for sessions whose process died during a response: the log then states the maximum that was sent.

Every request of a session ends with an event with the number of bytes sent. A request cut off by a crash has
none; its grants are an upper bound. If this job itself crashes, it finds the same sessions again, and reads
only the events that it has not read.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from vault.database.interface import Database
from vault.database.stores.node.due_work import SilentWork
from vault.database.stores.playback.links import UnsettledSession
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.audio_requests import Requests
from vault.domain.audit_log.listening import last_words
from vault.ports.clock import Clock
from vault.services.shared.clock_skew import earlier
from vault.services.shared.job import Job, SharedJob

#: Sessions, and events, per batch.
_SESSION_BATCH_SIZE, _EVENT_BATCH_SIZE = 100, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions:
    """Write the missing end events of sessions that are over."""

    database: Database
    clock: Clock
    #: How long after a session's end its last window may still be in transit to a slow reader.
    grace: timedelta = timedelta(minutes=10)

    def jobs(self) -> Sequence[Job]:
        """Return the work on sessions that are over."""
        return [SharedJob(work=SilentWork.END_SESSIONS, step=self, due_after=self.grace)]

    async def __call__(self) -> bool:
        """End the sessions that are due; False if none was."""
        due = await self.database.read(self._due)
        if not due:
            return False
        # Include the events that still wait for the sequencer.
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
        # The earlier of two clocks: a clock that is ahead would end sessions that still play.
        return tx.links.unsettled(earlier(tx, self.clock()) - self.grace, limit=_SESSION_BATCH_SIZE)

    async def _requests(
        self, account_id: str, recording_id: str, sessions: Sequence[UnsettledSession]
    ) -> dict[str, Requests]:
        """Read the recording's events once for all its sessions, page by page; return each session's requests."""
        found = {session.session_id: Requests() for session in sessions}
        begins = {session.session_id: session.log_size for session in sessions}
        start: int | None = min(begins.values())
        while start is not None:
            page = await self.database.read(
                lambda tx, start=start: tx.events.page(  # type: ignore[misc]
                    account_id, recording_id=recording_id, start=start, limit=_EVENT_BATCH_SIZE
                )
            )
            for logged in page:
                session_id = logged.event.session_id or ""
                if session_id in found and logged.index >= begins[session_id]:
                    found[session_id].take(logged.index, logged.event)
            start = page[-1].index + 1 if len(page) == _EVENT_BATCH_SIZE else None
            if start is not None:
                await self._progress(found, start)
        return found

    async def _progress(self, found: dict[str, Requests], start: int) -> None:
        """Store where to resume reading after a restart, for sessions without an open request at that point."""
        closed = [session_id for session_id, requests in found.items() if not requests.any_open]
        await self.database.write(lambda tx: tx.links.read_until(closed, start))
        for session_id in closed:
            found[session_id] = Requests()


def _settle(tx: Transaction, *, session: UnsettledSession, missing: list[AccessEvent]) -> None:
    # Another node may have settled it meanwhile; a session is settled once.
    if tx.links.settle(session.session_id):
        for event in missing:
            tx.events.append(event)
