"""The database as services see it: a closing act is in the object store too when its write returns."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from vault.database.interface import Database
from vault.database.signals import Signals, Work
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.stores.hot.add_fact import AddedFact, NewFact
from vault.database.stores.hot.open_sessions import NewSession
from vault.database.stores.hot.statements import Announced, Grant
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Session
from vault.domain.recordings.recording import Lease, State
from vault.domain.stored.closing_acts import Act
from vault.services.closing_acts.journal import GRACE, Journal
from vault.services.closing_acts.kinds.table import read_content

T = TypeVar("T")
#: When this process's worker checks whether the object was put, and what can be settled.
_WAKE_AFTER: Final = GRACE + timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledDatabase:
    """A database whose closing acts are also in the object store when ``write`` returns."""

    inner: Database
    journal: Journal

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function``, and put the objects of its closing acts before returning its result.

        Raises Unavailable with NOT_STORED if that fails; the transaction is committed nevertheless.
        """
        return await self._put(await self.inner.write(self._noted(function), urgent=urgent))

    async def long(self, function: Callable[[Transaction], T], *, writes: bool) -> T:
        """Run ``function`` as ``write`` or ``read`` do, for as long as it takes."""
        if not writes:
            return await self.inner.long(function, writes=False)
        return await self._put(await self.inner.long(self._noted(function), writes=True))

    def _noted(
        self, function: Callable[[Transaction], T]
    ) -> Callable[[Transaction], tuple[T, Sequence[Act]]]:
        def noted(tx: Transaction) -> tuple[T, Sequence[Act]]:
            tx.closing_acts.begin(self.journal.put_here, partial(read_content, tx))
            result, acts = function(tx), tx.closing_acts.take()
            if acts:
                tx.wake(Work.CLOSING_ACTS, after=_WAKE_AFTER)
            return result, acts

        return noted

    async def _put(self, written: tuple[T, Sequence[Act]]) -> T:
        result, acts = written
        if acts:
            await self.journal.put(acts)
        return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on one consistent snapshot."""
        return await self.inner.read(function)

    async def fetch(self, select: CompiledSelect, **values: object) -> list[dict[str, Any]]:
        """Return the rows of one SELECT."""
        return await self.inner.fetch(select, **values)

    async def add_fact(self, new: NewFact) -> AddedFact:
        """Add a fact of a call. Has no closing acts."""
        return await self.inner.add_fact(new)

    async def claim(
        self, states: Sequence[State], *, lease: timedelta, likely: bool, but: Collection[str] = ()
    ) -> Lease | None:
        """Claim a recording. Has no closing acts."""
        return await self.inner.claim(states, lease=lease, likely=likely, but=but)

    async def first_manifest_written(self, held: Lease, key_version: int | None) -> bool:
        """Mark the manifest as stored. Has no closing acts."""
        return await self.inner.first_manifest_written(held, key_version)

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording. Has no closing acts."""
        return await self.inner.announce(new)

    async def grant(self, grant: Grant) -> bool:
        """Write the event if everything is still valid. Has no closing acts."""
        return await self.inner.grant(grant)

    @property
    def signals(self) -> Signals:
        """Return the signals of committed work."""
        return self.inner.signals

    async def open_session(self, new: NewSession) -> Session | None:
        """Open a link. Has no closing acts."""
        return await self.inner.open_session(new)

    async def is_valid(self, event: AccessEvent) -> bool:
        """Return whether a grant would still be valid."""
        return await self.inner.is_valid(event)

    async def append_soon(self, event: AccessEvent) -> None:
        """Write an event that closes nothing."""
        await self.inner.append_soon(event)

    async def check(self) -> None:
        """Check the schema."""
        await self.inner.check()

    async def scrub(self, *, moved: bool = False) -> bool:
        """Remove the traces of deleted rows from the database's own files."""
        return await self.inner.scrub(moved=moved)
