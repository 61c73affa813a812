"""How many entries of the log a session may still cause, taken from its row in portions.

Every range that is asked for is two entries of a log that is never cut. The row holds for all nodes and over
restarts; what this process took of it is counted in memory, so that most requests cost no write. A process
that dies loses the rest of its portion: a session can get a little less than the limit, never more.
"""

from dataclasses import dataclass, field

from vault.errors import TooMany
from vault.ports.database import Database

#: Entries taken from the row at once.
_PORTION = 25
#: Sessions that are counted; the one that took a portion longest ago is forgotten first.
_MAX_SESSIONS = 10_000
#: Seconds after which a session that used up its allowance has some again.
_RETRY_AFTER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What this process took for each session and has not used."""

    database: Database
    _left: dict[str, int] = field(default_factory=dict, init=False)

    async def use(self, session_id: str) -> None:
        """Use one entry before anything is sent. Raises TooMany, NotFound for no session."""
        if self._left.get(session_id, 0) <= 0:
            wanted = _PORTION - self._left.get(session_id, 0)
            taken = await self.database.write(lambda tx: tx.links.take_log_entries(session_id, wanted))
            # Put at the end of the table, so that its order is that in which portions were taken.
            self._left[session_id] = self._left.pop(session_id, 0) + taken
            while len(self._left) > _MAX_SESSIONS:
                del self._left[next(iter(self._left))]
            if self._left.get(session_id, 0) <= 0:
                raise TooMany(
                    "This session asked for too many parts. Wait, and ask for larger ones.",
                    retry_after=_RETRY_AFTER,
                )
        self._left[session_id] -= 1

    def owe(self, session_id: str) -> None:
        """Count one entry of an answer that is under way: it goes on, and the next request pays for it."""
        self._left[session_id] = self._left.get(session_id, 0) - 1
