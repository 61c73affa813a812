"""Recovery mode: a process serves and writes nothing while its database is behind the object store.

Such a database may be out of date: the recording switch is off, a recording was erased, or a key was revoked. The
process checks at startup, when its database has a new history (vault/database), when its anchor finds another
history, and every minute: writes that another primary acknowledged may reach the object store late. The mode
ends by itself once a restore has completed the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vault import metrics
from vault.database.interface import Database
from vault.domain.audit_log.anchor import Relation
from vault.domain.progress import MARK
from vault.errors import Tampered, Unavailable, VaultError
from vault.jitter import RANDOM
from vault.ports.keys import KeyRing
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.closing_acts.journal import Journal
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between two checks while the mode is on.
WATCH_INTERVAL = 1.0
#: Seconds between two checks of each process while it is off. A check costs two listings and reads no object.
_CHECK_INTERVAL = 60.0
#: Checks that must agree before the mode begins: another node's anchor may be about to be deleted.
_CHECKS = 4
_RECHECK_SECONDS = 0.3
_REMEDY = "Nothing is served and nothing is written. Run `callvault restore` with the database to keep."
_WORDS = {
    Relation.BEHIND: f"The database is older than the access log in its object store. {_REMEDY}",
    Relation.FORKED: f"The access log in the object store and the one in the database have diverged. {_REMEDY}",
}
_UNTRUE = (
    "An anchor or the checkpoint of the access log in the object store was not signed by this vault, or does not match "
    "its name, or a file of the log is missing. Nothing is served and nothing is written. Find out who wrote below "
    "log/ in the object store, and restore an older version."
)


@dataclass(slots=True)
class RecoveryState:
    """Whether a process is in recovery mode."""

    #: The problem and the remedy, while the mode is on.
    reason: str | None = None
    #: Set while it is on.
    begun: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCheck:
    """Check whether the database is behind the object store. One instance per process."""

    database: Database
    published_log: PublishedLog
    journal: Journal
    #: The key ring of the process, emptied when the history of the database changes: otherwise new data could be sealed
    #: under a month key that only the database of before had.
    ring: KeyRing
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    state: RecoveryState = field(default_factory=RecoveryState)

    @property
    def on(self) -> bool:
        """Whether the process is in recovery mode, by the last check."""
        return self.state.reason is not None

    async def check(self, *, checks: int = _CHECKS) -> bool:
        """Check, and begin or end recovery mode; return whether it is on. Raises Unavailable.

        The mode begins only if each of ``checks`` checks finds a problem.
        """
        for tries in range(checks):
            if tries:
                await self.sleep(_RECHECK_SECONDS)
            missing = await self._missing()
            if missing is None or self.on:
                break
        self._set(missing)
        return self.on

    async def require_complete(self) -> None:
        """Check before the first use of a database with a new history. Raises Unavailable in recovery mode."""
        self.ring.forget_all()
        if await self.check():
            raise Unavailable("The vault is in recovery mode.", retry_after=60)

    async def watch(self) -> None:
        """Check every minute, and every second while the mode is on, until the process ends."""
        while True:
            await self._rest()
            with suppress(VaultError):
                await self.check()

    async def _rest(self) -> None:
        """Wait until the next check; return early when the mode begins."""
        if not self.on:
            # Jitter spreads the checks of processes that started at the same time.
            pause = asyncio.ensure_future(self.sleep(_CHECK_INTERVAL * (0.75 + RANDOM.random() / 2)))
            begun = asyncio.ensure_future(self.state.begun.wait())
            try:
                await asyncio.wait({pause, begun}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                begun.cancel()
        if self.on:
            await self.sleep(WATCH_INTERVAL)

    async def _missing(self) -> str | None:
        """Return the problem and the remedy; None if the database is complete."""
        try:
            standing = await self.published_log.compare(self.database)
        except Tampered:
            return _UNTRUE
        if standing is not Relation.SAME:
            return _WORDS[standing]
        empty = not await self.database.read(lambda tx: tx.tree.head().size)
        if empty and await self.published_log.is_newer():
            return _WORDS[Relation.BEHIND]
        if acts := await self.journal.missing(self.database):
            return f"The database lacks {len(acts)} of the closing acts stored in its object store. {_REMEDY}"
        if await self.database.read(lambda tx: tx.metadata.get(MARK)) is not None:
            return f"A restore of the database was started and is not complete. {_REMEDY}"
        return None

    def _set(self, missing: str | None) -> None:
        was_on, self.state.reason = self.on, missing
        metrics.RECOVERY.set(self.on)
        if self.on is not was_on:
            self.ring.forget_all()
        if missing is None:
            self.state.begun.clear()
        else:
            self.state.begun.set()
        if self.on and not was_on:
            _LOG.critical("recovery.begun", reason=missing)
        elif was_on and not self.on:
            _LOG.info("recovery.over")
