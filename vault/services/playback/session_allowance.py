"""What a process remembers of sessions: log entries that are left, addresses, and what was read a moment ago.

What a session adds to the access log: a limited number of entries, and each address from which it is played.

Every requested range adds two entries to a log that is never truncated. The session's row holds the limit across nodes
and restarts, and a process takes it in portions, so that most requests need no write. If a process dies, the rest of
its portion is lost: a session can get slightly less than the limit, never more.

The last address of each session is kept in memory: a change is logged, and a refusal not too often. A node that has not
seen a session before logs the address of its first grant there, too.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Final

from vault.database.interface import Database
from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.domain.ids import Token
from vault.domain.playback.link import log_entries_allowed
from vault.errors import TooMany

#: Entries taken from the row at a time.
_PORTION = 25
#: Sessions counted in memory; the one with the oldest portion is evicted first.
_MAX_COUNTED = 10_000
#: Seconds after which a session that used up its allowance has new entries.
_RETRY_AFTER = 10
#: Sessions remembered; the one that was seen first is forgotten first.
_MAX_SEEN: Final = 10_000
#: Seconds for which a session that was read is used again, and how many are.
_RECENT, _MAX_RECENT = 1.0, 1_000
#: Refusals of one session that are logged, each from another address than the one before it.
MAX_DENIALS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The unused entries that this process took for each session."""

    database: Database
    _left: dict[str, int] = field(default_factory=dict, init=False)
    _taking: dict[str, asyncio.Task[int]] = field(default_factory=dict, init=False)

    async def use(self, session_id: str) -> None:
        """Use one entry before anything is sent. Raises TooMany, NotFound for an unknown session."""
        while self._left.get(session_id, 0) <= 0:
            taken = await self._refill(session_id)
            # The open that this request joined may have brought its portion meanwhile: then nothing was taken.
            if not taken and self._left.get(session_id, 0) <= 0:
                raise TooMany(
                    "This session requested too many ranges. Wait, and request larger ranges.",
                    retry_after=_RETRY_AFTER,
                )
        self._left[session_id] -= 1

    async def _refill(self, session_id: str) -> int:
        """Take a portion, all callers together: fifty that each took one would use up the whole burst."""
        taking = self._taking.get(session_id)
        if taking is None:
            taking = self._taking[session_id] = asyncio.create_task(self._take(session_id))
        # A caller that leaves does not take it from the others.
        return await asyncio.shield(taking)

    async def _take(self, session_id: str) -> int:
        try:
            wanted = _PORTION - self._left.get(session_id, 0)
            taken = await self.database.write(lambda tx: tx.links.take_log_entries(session_id, wanted))
            self._add(session_id, taken)
            return taken
        finally:
            del self._taking[session_id]

    def portion(self) -> int:
        """Return the entries that a new session's row gives to the node that opens it."""
        return min(_PORTION, log_entries_allowed(timedelta()))

    def begin(self, session_id: str, portion: int) -> None:
        """Take the ``portion`` of a session that was opened here."""
        self._add(session_id, portion)

    def _add(self, session_id: str, taken: int) -> None:
        # Move it to the end: the dict is ordered by when portions were taken.
        self._left[session_id] = self._left.pop(session_id, 0) + taken
        while len(self._left) > _MAX_COUNTED:
            del self._left[next(iter(self._left))]

    def owe(self, session_id: str) -> None:
        """Charge one entry to a response in progress; it may go negative, and the next request pays for it."""
        self._left[session_id] = self._left.get(session_id, 0) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentSessions:
    """Sessions that were read a moment ago: a player asks for many ranges, and each grant reads the session again.

    Only for what is granted afterwards: what ended in this moment is still here.
    """

    _read: dict[tuple[str, bytes], tuple[float, SessionWithLink]] = field(default_factory=dict, init=False)

    def get(self, session_id: str, secret: str) -> SessionWithLink | None:
        """Return what was read with the same secret."""
        at, found = self._read.get((session_id, Token(secret).digest), (-inf, None))
        return found if time.monotonic() < at + _RECENT else None

    def keep(self, secret: str, found: SessionWithLink) -> None:
        """Keep what was read; the oldest is forgotten if there are too many."""
        key = (found.session.id, Token(secret).digest)
        self._read.pop(key, None)
        self._read[key] = (time.monotonic(), found)
        while len(self._read) > _MAX_RECENT:
            del self._read[next(iter(self._read))]


@dataclass(slots=True)
class _Seen:
    address: str | None
    denied_at: str | None = None
    denials: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAddresses:
    """The addresses of sessions."""

    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)

    def note(self, session_id: str, address: str | None) -> None:
        """Remember the address that the log has now."""
        self._of(session_id).address = address

    def is_new(self, session_id: str, address: str | None) -> bool:
        """Return whether a grant should say the address: it is not the one of the opening, or of the last grant."""
        known = self._seen.get(session_id)
        return address is not None and (known is None or known.address != address)

    def is_denial_to_log(self, session_id: str, address: str | None) -> bool:
        """Count a refusal; return whether it is logged: one for each address in turn, MAX_DENIALS in all."""
        seen, shown = self._of(session_id), address or ""
        if seen.denied_at == shown or seen.denials >= MAX_DENIALS:
            return False
        seen.denied_at, seen.denials = shown, seen.denials + 1
        return True

    def _of(self, session_id: str) -> _Seen:
        found = self._seen.get(session_id)
        if found is None:
            while len(self._seen) >= _MAX_SEEN:
                del self._seen[next(iter(self._seen))]
            found = self._seen[session_id] = _Seen(address=None)
        return found
