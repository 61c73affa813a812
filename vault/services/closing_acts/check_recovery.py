"""Recovery mode: a process serves and writes nothing while its database lacks what the object store has.

What such a database says may have been taken back since: the switch is off, a recording was erased, a key was
revoked. The process looks when it starts, at every new history that its database has (vault/database), when its
anchor meets another history, and every minute: what another primary acknowledged may come into the object store
late. The mode ends by itself once a restore has made the database whole.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vault import metrics
from vault.domain.audit_log.anchor import Relation
from vault.domain.progress import MARK
from vault.errors import Tampered, Unavailable, VaultError
from vault.jitter import RANDOM
from vault.ports.database import Database
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.closing_acts.journal import Journal
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between two looks while the mode is on.
WATCH_INTERVAL = 1.0
#: Seconds between two looks of each process while it is off. One costs two listings and no object.
_CHECK_INTERVAL = 60.0
#: A look is repeated before the mode begins: an anchor of another node may be on its way out.
_CHECKS = 4
_RECHECK_SECONDS = 0.3
_REMEDY = (
    "Nothing is served and nothing is written. Run `callvault restore` with the database that is to be kept."
)
_WORDS = {
    Relation.BEHIND: f"The database is older than the access log in its object store. {_REMEDY}",
    Relation.FORKED: f"The object store has access log that the database lacks, which went another way. {_REMEDY}",
}
_UNTRUE = (
    "An anchor or the checkpoint of the access log in the object store was not signed by this vault, or is not what it "
    "is named after, or a file of the log is missing. Nothing is served and nothing is written. Look who wrote below "
    "log/ in the object store, and put an older version back."
)


@dataclass(slots=True)
class Recovery:
    """Whether a process is in recovery mode."""

    #: What is missing and what to do, while the mode is on.
    reason: str | None = None
    #: Set while it is on.
    begun: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecovery:
    """Say whether the database lacks what the object store has; one for each process, which then does not serve."""

    database: Database
    published_log: PublishedLog
    journal: Journal
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    recovery: Recovery = field(default_factory=Recovery)

    @property
    def on(self) -> bool:
        """Whether the process is in recovery mode, as the last look found."""
        return self.recovery.reason is not None

    async def __call__(self, *, looks: int = _CHECKS) -> bool:
        """Look, and begin or end recovery mode; say whether it is on. Raises Unavailable.

        It begins only if each of so many looks finds the same.
        """
        for tries in range(looks):
            if tries:
                await self.sleep(_RECHECK_SECONDS)
            missing = await self._missing()
            if missing is None or self.on:
                break
        self._set(missing)
        return self.on

    async def look(self) -> None:
        """Look before the first call to a database of another history. Raises Unavailable if it lacks anything."""
        if await self():
            raise Unavailable("The vault is in recovery mode.", retry_after=60)

    async def watch(self) -> None:
        """Look every minute, and every second while the mode is on; for as long as the process lives."""
        while True:
            await self._rest()
            with suppress(VaultError):
                await self()

    async def _rest(self) -> None:
        """Wait until the next look, which comes soon once the mode has begun."""
        if not self.on:
            # Many processes that started together do not ask together.
            pause = asyncio.ensure_future(self.sleep(_CHECK_INTERVAL * (0.75 + RANDOM.random() / 2)))
            begun = asyncio.ensure_future(self.recovery.begun.wait())
            try:
                await asyncio.wait({pause, begun}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                begun.cancel()
        if self.on:
            await self.sleep(WATCH_INTERVAL)

    async def _missing(self) -> str | None:
        """Return what the database lacks, with the remedy."""
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
            return (
                f"The database lacks {len(acts)} of the closing acts that lie in its object store. {_REMEDY}"
            )
        if await self.database.read(lambda tx: tx.metadata.get(MARK)) is not None:
            return f"A restore of the database was begun and is not at its end. {_REMEDY}"
        return None

    def _set(self, missing: str | None) -> None:
        was_on, self.recovery.reason = self.on, missing
        metrics.RECOVERY.set(self.on)
        if missing is None:
            self.recovery.begun.clear()
        else:
            self.recovery.begun.set()
        if self.on and not was_on:
            _LOG.critical("recovery.begun", reason=missing)
        elif was_on and not self.on:
            _LOG.info("recovery.over")
