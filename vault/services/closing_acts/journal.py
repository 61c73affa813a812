"""The journal of closing acts, which survive even a loss of the whole database.

``Events.append`` writes an act in the transaction that closes something. ``JournaledDatabase`` puts the act's object
into the object store after the commit and before it returns to the service, so that a response implies both.
``KeepJournal`` puts objects that a crash left out. An object is deleted once the published log or the account's
object contains the act too; an act that neither contains (a party's refusal, the facts of an erased call) is kept
permanently below ``closed/``.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeVar

from vault.batches import batches
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import CLOSING
from vault.domain.stored.closing_acts import (
    KEPT_PREFIX,
    MAX_OBJECT_BYTES,
    PREFIX,
    Act,
    decode_acts,
    encode_acts,
    parse_location,
)
from vault.errors import NotFound, Tampered, Unavailable, VaultError
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore
from vault.services.closing_acts.kinds.table import reapply
from vault.services.shared.gather_all import gathered
from vault.services.shared.job import DueJob
from vault.structured_log import Log
from vault.tlog.note import Signer, open_note, sign_note

T = TypeVar("T")
_LOG = Log(__name__)
NOT_STORED: Final = (
    "The change is committed to the database. The object store cannot be reached, so a loss of the database could "
    "undo the change: repeat the request."
)
#: Timeout in seconds for an act's object; after it, the caller must retry.
_PUT_TIMEOUT: Final = 10.0
#: How long the node of an act has to put its object before another node does.
GRACE: Final = timedelta(seconds=5)
#: Objects that the worker puts concurrently, and per step.
_CONCURRENCY, _BATCH_SIZE = 8, 50
_READ_CONCURRENCY: Final = 16
#: Bytes of an object that is read with others; a larger one is read alone, so that memory is bounded.
_SMALL: Final = 256 * 1024
#: How long this process assumes that an object it put still exists.
_CACHE_TTL: Final = timedelta(minutes=10)
#: Maximum cached keys of objects that this process put; for others, the worker lists the object store.
_MAX_CACHED: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentActs:
    """The permanent objects that a restore must read if the log names what the database lacks."""

    #: Keys that may exist: each is named after an event of the log.
    keys: Collection[str]
    #: Accounts whose objects were sealed again, because a version of their key was destroyed.
    accounts: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Stores the objects of closing acts, finds them again, and reapplies them to a database that lost them."""

    objects: ObjectStore
    signer: Signer
    #: Keys of the newest objects that this process has put, until their rows record it.
    put_here: dict[str, None] = field(default_factory=dict, repr=False)

    async def put(self, acts: Iterable[Act]) -> None:
        """Put the objects of acts concurrently. Raises Unavailable with NOT_STORED: the acts are committed."""
        try:
            async with asyncio.timeout(_PUT_TIMEOUT):
                await gathered([self._put(location, batch) for location, batch in _by_location(acts).items()])
        except (VaultError, TimeoutError) as error:
            _LOG.warning("closing.not_stored", error=type(error).__name__)
            raise Unavailable(NOT_STORED) from error

    async def missing(
        self,
        database: Database,
        *,
        kept: bool = False,
        among: PermanentActs | None = None,
        findings: list[str] | None = None,
    ) -> Sequence[Act]:
        """Return acts in the object store whose events the database lacks, oldest first.

        With ``kept``, also the permanent ones, and those that the database knows but could not apply; only a
        restore needs these. ``among`` limits the permanent ones, which are otherwise listed all. Invalid objects are
        skipped with a line in ``findings`` and in the log. Raises Unavailable.
        """
        places, sizes = dict[str, str](), dict[str, int]()
        for prefix in [PREFIX, *(_kept_prefixes(among) if kept else ())]:
            async for stored in self.objects.list(prefix):
                place = parse_location(stored.key)
                if place is None:
                    _ignore(stored.key, "The key is not that of a closing act.", findings)
                elif stored.size > MAX_OBJECT_BYTES:
                    _ignore(stored.key, "The object is too large for a closing act.", findings)
                else:
                    places[stored.key], sizes[stored.key] = place[1], stored.size
        places |= {key: key.rpartition("/")[2] for key in (among.keys if kept and among else ())}
        # After the listing: an act with an object in it is committed.
        unknown = await database.read(lambda tx: tx.closing_acts.unknown(set(places.values())))
        wanted = [location for location, first in places.items() if kept or first in unknown]
        acts = list[Act]()
        for batch in _batches(wanted, sizes):
            reads = [self._read(location, sizes.get(location), findings) for location in batch]
            for found in await gathered(reads):
                acts.extend(found)
        ids = await database.read(lambda tx: tx.closing_acts.unknown({act.event.id for act in acts}))
        if kept:
            ids |= await database.read(lambda tx: tx.closing_acts.undone(acts))
        return sorted((act for act in acts if act.event.id in ids), key=lambda act: act.event.at)

    def apply(self, tx: Transaction, act: Act, *, logged: bool = False) -> None:
        """Reapply an act and append its leaf to the log. With ``logged``, the leaf is there or is added separately.

        The account must be restored before. Idempotent.
        """
        reapply(tx, act)
        # Afterwards: it waits for the account object of the revision that this created.
        new = tx.closing_acts.adopt(act)
        if new and not logged:
            tx.events.append_leaf(act.leaf)

    async def _put(self, location: str, acts: Sequence[Act]) -> None:
        await self.objects.put(location, await asyncio.to_thread(self._encode, acts))
        self.put_here[location] = None
        if len(self.put_here) > _MAX_CACHED:
            self.put_here.pop(next(iter(self.put_here)), None)

    async def _read(self, location: str, size: int | None, findings: list[str] | None) -> Sequence[Act]:
        """Return the acts of an object; ``size`` is None for a permanent one, which is small."""
        try:
            if size is None or size <= _SMALL:
                return self._decode(await self.objects.get(location), location)
            data = await self.objects.read(location, 0, size)
            return await asyncio.to_thread(self._decode, data, location)
        except NotFound:
            return ()  # Settled since the listing.
        except Tampered as error:
            _ignore(location, str(error), findings)
            return ()

    # In a thread, as _decode: the largest decision takes longer than a step of the event loop may.
    def _encode(self, acts: Sequence[Act]) -> bytes:
        return sign_note(encode_acts(acts), [self.signer])

    def _decode(self, data: bytes, location: str) -> Sequence[Act]:
        note = open_note(data, [self.signer.verifier], limit=MAX_OBJECT_BYTES)
        return decode_acts(note.text, location)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepJournal:
    """Put objects that a crash left out, and delete those no longer needed. Idle, it sends no requests to the store."""

    database: Database
    objects: ObjectStore
    journal: Journal
    clock: Clock

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on objects of closing acts, some of which may be blocked."""
        return [
            DueJob(
                work=Work.CLOSING_ACTS,
                any_due=self.any_due,
                step=self,
                needs_objects=False,
                pause=timedelta(seconds=0.2),
            ),
        ]

    async def any_due(self) -> bool:
        """Return whether there is anything to put or to delete."""
        return await self.database.read(lambda tx: tx.closing_acts.any_due(self.clock() - GRACE))

    async def __call__(self) -> bool:
        """Process one batch; False if there was nothing to do. Raises Unavailable."""
        due = await self.database.read(
            lambda tx: tx.closing_acts.due(self.clock() - GRACE, limit=_BATCH_SIZE)
        )
        if due:
            await self._store(due)
        await self.database.write(lambda tx: tx.closing_acts.place())
        settleable = await self.database.read(lambda tx: tx.closing_acts.settleable(limit=_BATCH_SIZE))
        if settleable:
            await self._settle(settleable)
        return bool(due or settleable)

    async def _store(self, due: Sequence[Act]) -> None:
        wanted, since = _by_location(due), self.clock() - _CACHE_TTL
        # An older one may be gone since, if the bucket was set back.
        present = {
            location
            for location, acts in wanted.items()
            if location in self.journal.put_here and acts[0].event.at >= since
        }
        if any(location not in present and not acts[0].is_permanent for location, acts in wanted.items()):
            # Most were already put by the node of the act.
            present |= {stored.key async for stored in self.objects.list(PREFIX)}
        # A permanent act is due because it was re-encrypted.
        missing = [
            acts for location, acts in wanted.items() if acts[0].is_permanent or location not in present
        ]
        for batch in batches(missing, _CONCURRENCY):
            await self.journal.put([act for acts in batch for act in acts])
        for location in (location for location, acts in wanted.items() if acts[0].is_permanent):
            await self.objects.delete_older(location)
        await self.database.write(lambda tx: tx.closing_acts.stored(due))
        for location in _by_location(due):
            self.journal.put_here.pop(location, None)

    async def _settle(self, settleable: Sequence[Act]) -> None:
        settled: list[Act] = []
        for acts in _by_location(settleable).values():
            permanent = [act for act in acts if CLOSING[act.event.type].until == "always"]
            kept = [replace(act, batch=permanent[0].event.id, is_permanent=True) for act in permanent]
            if kept:
                await self.journal.put(kept)
            settled += [act for act in acts if act not in permanent] + kept
            await self.objects.delete(acts[0].location)
        await self.database.write(lambda tx: tx.closing_acts.settled(settled))


def _kept_prefixes(among: PermanentActs | None) -> list[str]:
    return [KEPT_PREFIX] if among is None else [f"{KEPT_PREFIX}{account}/" for account in among.accounts]


def _batches(locations: Sequence[str], sizes: Mapping[str, int]) -> Iterator[Sequence[str]]:
    """Yield the locations in batches that are read concurrently: small objects together, each large one alone."""
    small = [location for location in locations if sizes.get(location, 0) <= _SMALL]
    yield from batches(small, _READ_CONCURRENCY)
    for location in set(locations).difference(small):
        yield [location]


def _by_location(acts: Iterable[Act]) -> dict[str, list[Act]]:
    found = dict[str, list[Act]]()
    for act in acts:
        found.setdefault(act.location, []).append(act)
    return found


def _ignore(location: str, reason: str, findings: list[str] | None) -> None:
    _LOG.warning("closing.ignored", objects=location, reason=reason)
    if findings is not None:
        findings.append(f"{location}: {reason}")
