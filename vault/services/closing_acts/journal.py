"""The journal of closing acts: what was closed stays closed although the whole database is lost.

``Events.append`` notes an act in the transaction that closes something. ``JournaledDatabase`` puts its object
into the object store after the commit and before the verb hears of it, so that the answer means both. What
a crash left between the two, ``KeepJournal`` puts. An object goes once the published log or the account's object says
the act too; what neither says, a party's no and the facts of an erased call, lies for good below ``closed/``.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, TypeVar

from vault.domain.stored.closing_acts import (
    CLOSING,
    KEPT_PREFIX,
    PREFIX,
    Act,
    decode_acts,
    encode_acts,
    parse_location,
)
from vault.errors import NotFound, Tampered, Unavailable, VaultError
from vault.ports.clock import Clock
from vault.ports.database import Announced, Database, Grant, Transaction
from vault.ports.objects import ObjectStore
from vault.ports.stores import NewRecording
from vault.services.closing_acts.effects import do_again
from vault.services.shared.gather_all import gathered
from vault.structured_log import Log
from vault.tlog.note import MAX_NOTE_BYTES, Signer, open_note, sign_note

T = TypeVar("T")
_LOG = Log(__name__)
NOT_STORED: Final = (
    "It is done and stands in the database. The object store cannot be reached, so a loss of the database could "
    "undo it: repeat."
)
#: Seconds that the object of an act may take before its caller is told to repeat.
_PUT_TIMEOUT: Final = 10.0
#: How long a node that did an act has to put its object before another one does.
_GRACE: Final = timedelta(seconds=5)
#: Objects that the worker puts concurrently, and at most in one step.
_CONCURRENCY, _BATCH_SIZE = 8, 50
_READ_CONCURRENCY: Final = 16
#: How long this process believes that what it put is still there.
_CACHE_TTL: Final = timedelta(minutes=10)
#: Objects that a process remembers to have put; the worker of another asks the object store about the others.
_MAX_CACHED: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The objects of closing acts: put, found again, and done again to a database that lost them."""

    objects: ObjectStore
    signer: Signer
    #: The newest objects that this process has put, until their rows say so.
    put_here: dict[str, None] = field(default_factory=dict, repr=False)

    async def put(self, acts: Iterable[Act]) -> None:
        """Put the objects of acts concurrently. Raises Unavailable, which says that the acts stand."""
        try:
            async with asyncio.timeout(_PUT_TIMEOUT):
                await gathered([self._put(where, some) for where, some in _by_location(acts).items()])
        except (VaultError, TimeoutError) as error:
            _LOG.warning("closing.not_stored", error=type(error).__name__)
            raise Unavailable(NOT_STORED) from error

    async def missing(
        self, database: Database, *, kept: bool = False, findings: list[str] | None = None
    ) -> Sequence[Act]:
        """Return acts in the object store whose events the database does not know, oldest first.

        With ``kept`` also those that lie for good, and those that it knows and could not do, which only a
        restore need look through. What cannot be believed is passed over with a line in ``findings`` and in
        the log. Raises Unavailable.
        """
        places = dict[str, str]()
        for prefix in (PREFIX, KEPT_PREFIX) if kept else (PREFIX,):
            async for stored in self.objects.list(prefix):
                place = parse_location(stored.key)
                if place is None:
                    _ignore(stored.key, "It is not named like a closing act.", findings)
                elif stored.size > MAX_NOTE_BYTES:
                    _ignore(stored.key, "It is too large for one.", findings)
                else:
                    places[stored.key] = place[1]
        # After the listing: an act whose object was seen there is committed.
        unknown = await database.read(lambda tx: tx.closing.unknown(set(places.values())))
        wanted = [location for location, first in places.items() if kept or first in unknown]
        acts = list[Act]()
        for start in range(0, len(wanted), _READ_CONCURRENCY):
            some = wanted[start : start + _READ_CONCURRENCY]
            for found in await gathered([self._read(location, findings) for location in some]):
                acts.extend(found)
        ids = await database.read(lambda tx: tx.closing.unknown({act.event.id for act in acts}))
        if kept:
            ids |= await database.read(lambda tx: tx.closing.undone(acts))
        return sorted((act for act in acts if act.event.id in ids), key=lambda act: act.event.at)

    def apply(self, tx: Transaction, act: Act, *, logged: bool = False) -> None:
        """Do an act again, and let the log say it, unless it is ``logged``: its leaf is there, or comes in by itself.

        The account is brought in before. Done twice it changes nothing.
        """
        do_again(tx, act)
        # Afterwards: it waits for the account's object of the revision that this has made.
        new = tx.closing.adopt(act)
        if new and not logged:
            tx.events.append_leaf(act.leaf)

    async def _put(self, location: str, acts: Sequence[Act]) -> None:
        await self.objects.put(location, sign_note(encode_acts(acts), [self.signer]))
        self.put_here[location] = None
        if len(self.put_here) > _MAX_CACHED:
            self.put_here.pop(next(iter(self.put_here)), None)

    async def _read(self, location: str, findings: list[str] | None) -> Sequence[Act]:
        try:
            note = open_note(await self.objects.get(location), [self.signer.verifier])
            return decode_acts(note.text, location)
        except NotFound:
            return ()  # It was settled since it was listed.
        except Tampered as error:
            _ignore(location, str(error), findings)
            return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledDatabase:
    """A database whose closing acts lie in the object store too when ``write`` returns."""

    inner: Database
    journal: Journal

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function``, and put the objects of what it closed before its result is heard of.

        Raises Unavailable with NOT_STORED if that fails; then everything was written nevertheless.
        """

        def noted(tx: Transaction) -> tuple[T, Sequence[Act]]:
            tx.closing.begin(self.journal.put_here)
            return function(tx), tx.closing.take()

        result, acts = await self.inner.write(noted, urgent=urgent)
        if acts:
            await self.journal.put(acts)
        return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on one consistent snapshot."""
        return await self.inner.read(function)

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording. That closes nothing."""
        return await self.inner.announce(new)

    async def grant(self, grant: Grant) -> bool:
        """Write the event if everything is still good. That closes nothing."""
        return await self.inner.grant(grant)

    async def check(self) -> None:
        """Ask for the schema."""
        await self.inner.check()

    async def scrub(self) -> bool:
        """Leave nothing of what was deleted in the database's own files."""
        return await self.inner.scrub()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepJournal:
    """Put what a crash left, and remove what is said elsewhere by now. At rest it asks the object store nothing."""

    database: Database
    objects: ObjectStore
    journal: Journal
    clock: Clock

    async def any_due(self) -> bool:
        """Say whether there is anything to put or to remove."""
        return await self.database.read(lambda tx: tx.closing.any_due(self.clock() - _GRACE))

    async def __call__(self) -> bool:
        """Do some of it; False if there was nothing. Raises Unavailable."""
        due = await self.database.read(lambda tx: tx.closing.due(self.clock() - _GRACE, limit=_BATCH_SIZE))
        if due:
            await self._store(due)
        await self.database.write(lambda tx: tx.closing.place())
        over = await self.database.read(lambda tx: tx.closing.settleable(limit=_BATCH_SIZE))
        if over:
            await self._settle(over)
        return bool(due or over)

    async def _store(self, due: Sequence[Act]) -> None:
        wanted, since = _by_location(due), self.clock() - _CACHE_TTL
        # An older one may have gone since, with a bucket that was set back.
        there = {
            where
            for where, acts in wanted.items()
            if where in self.journal.put_here and acts[0].event.at >= since
        }
        if any(where not in there and not acts[0].kept for where, acts in wanted.items()):
            # The node that did them has put most of them.
            there |= {stored.key async for stored in self.objects.list(PREFIX)}
        # What lies for good is due because it was sealed again.
        left = [acts for where, acts in wanted.items() if acts[0].kept or where not in there]
        for start in range(0, len(left), _CONCURRENCY):
            await self.journal.put([act for acts in left[start : start + _CONCURRENCY] for act in acts])
        for location in (location for location, acts in wanted.items() if acts[0].kept):
            await self.objects.delete_older(location)
        await self.database.write(lambda tx: tx.closing.stored(due))
        for location in _by_location(due):
            self.journal.put_here.pop(location, None)

    async def _settle(self, over: Sequence[Act]) -> None:
        after: list[Act] = []
        for acts in _by_location(over).values():
            stays = [act for act in acts if CLOSING[act.event.type].until == "always"]
            kept = [replace(act, batch=stays[0].event.id, kept=True) for act in stays]
            if kept:
                await self.journal.put(kept)
            after += [act for act in acts if act not in stays] + kept
            await self.objects.delete(acts[0].location)
        await self.database.write(lambda tx: tx.closing.settled(after))


def _by_location(acts: Iterable[Act]) -> dict[str, list[Act]]:
    found = dict[str, list[Act]]()
    for act in acts:
        found.setdefault(act.location, []).append(act)
    return found


def _ignore(location: str, reason: str, findings: list[str] | None) -> None:
    _LOG.warning("closing.ignored", objects=location, reason=reason)
    if findings is not None:
        findings.append(f"{location}: {reason}")
