"""Players that wait to hear that their session is over: a link revoked now is heard for about a second more.

What a player has buffered plays on without a request, so it keeps one waiting while it plays.
"""

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.playback.closing_facts import ClosingFacts
from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.services.shared.shared_look import SharedLook, Waiter

#: Requests that wait in this process: of one session, whose player may be open in two tabs, and of all.
OF_SESSION: Final = 2
OF_ALL: Final = 500
#: How long a request waits at most.
MAX_WAIT: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingSessions(SharedLook):
    """Wait until something of a session changed that may close it."""

    database: Database

    async def until_changed(
        self, found: SessionWithLink, *, seconds: float, ended: Awaitable[object]
    ) -> bool:
        """Wait for so long, and not beyond the session's end, its caller's (``ended``), or the places of this process.

        Return whether something changed.
        """
        session, seen = found.session, ClosingFacts.of(found)
        of_session, of_all = self.places_taken(session.id)
        if of_session >= OF_SESSION or of_all >= OF_ALL:
            return False
        seconds = min(seconds, (session.ends_at - found.now).total_seconds())
        with self.holding_a_place(session.id):
            return await self.until_news(session.id, seen, seconds=seconds, ended=ended)

    async def with_news(self, waiters: Collection[Waiter]) -> Collection[Waiter]:
        """Return those whose session changed, or is gone."""
        ids = {one.subject for one in waiters}
        facts = await self.database.read(lambda tx: tx.closing_facts.of_sessions(ids))
        return [one for one in waiters if facts.get(one.subject) != one.seen]
