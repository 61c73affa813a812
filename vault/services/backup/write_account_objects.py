"""Account objects and tombstones: written when they are due, so that the bucket can stand alone.

An object of an account is written under the number of its newest change and the state of the log, and those
before it are deleted, but not what another history wrote: it may be all that is left of acknowledged changes.
An object that contradicts the own log is deleted as well once it holds a destroyed version of the account's
key: no restore uses it, and the statement about the version says that no copy of it is left. One node at a
time writes, by turns; should one that lost its turn write late, its object has a lower number, and the account
is due again. A crash leaves an object too many, never one too few.
"""

import asyncio
from dataclasses import dataclass

from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.account_object import (
    AccountObject,
    Envelope,
    decode_envelope,
    encode_account,
    encode_envelope,
    prompt_location,
)
from vault.domain.stored.account_object_name import LogState, ObjectName, location_of, name_at
from vault.domain.stored.tombstone import MAX_TOMBSTONES, encode_tombstones
from vault.domain.stored.tombstone import location_of as location_of_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered, Unavailable
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import seal
from vault.services.audit_log.own_history import account_object_names, sort_by_history

_BATCH_SIZE = 16
#: Events that one transaction brings into the tree.
_EVENT_BATCH_SIZE = 1000
#: How often an account that changes all the time is read again before it is written as it was.
_MAX_READS = 3
#: How many times, and after how many seconds, it is checked whether the account's events are in the tree.
_MAX_WAITS = 100
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAccountObjects:
    """Write the objects of accounts that changed."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def any_due(self) -> bool:
        """Say whether there is one to write."""
        return bool(await self.database.read(lambda tx: tx.account_objects.due(1)))

    async def __call__(self) -> bool:
        """Do a few; False if none could be written. Raises NotFound if an account's key is gone, Unavailable."""
        put_off: list[str] = []
        written = 0
        while not written:
            due = await self.database.read(lambda tx: tx.account_objects.due(_BATCH_SIZE, but=put_off))
            if not due:
                break
            for account_id in due:
                try:
                    await self._write(account_id)
                    written += 1
                except OwnKeyUnusable:
                    # Its owner took the key away; the other accounts do not wait for that.
                    put_off.append(account_id)
        return bool(written)

    async def _write(self, account_id: str) -> None:
        known, log = await self._read(account_id)
        # Not the current version as the ring remembers it: the one that this very reading has.
        key = await self.ring.version(account_id, max(known.keys))
        context = bound.of_account_object(account_id, known.revision, log)
        envelope = Envelope(
            account_id=account_id,
            revision=known.revision,
            log=log,
            keys=known.keys,
            sealed=seal(key.key, context, encode_account(known)),
        )
        unknown = await self._write_prompts(known)
        name = name_at(account_id, known.revision, log)
        await self.objects.put(location_of(name), encode_envelope(envelope))
        names = await sort_by_history(self.database, await account_object_names(self.objects, account_id))
        oldest = min(known.keys)
        destroyed = [one for one in names.foreign if await self._holds_destroyed_key(one, oldest=oldest)]
        if names.ahead or len(names.foreign) > len(destroyed):
            # Another history knows notices of its own, and their audio goes with its objects.
            unknown = []
        older = [one for one in names.own if one != name and one.revision <= known.revision]
        unknown += [location_of(one) for one in (*destroyed, *older)]
        revisions = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        if revisions is None or revisions.now != known.revision:
            # Whoever wrote the newer one may have prompts of which this knew nothing. It is due again: what
            # was written here may have come after that.
            await self.database.write(lambda tx: tx.account_objects.written(account_id, known.revision))
            return
        for location in unknown:
            await self.objects.delete(location)
        # Last: what lay there from before holds keys, and must not outlive a failure on the way.
        await self.database.write(lambda tx: tx.account_objects.written(account_id, known.revision))

    async def _holds_destroyed_key(self, name: ObjectName, *, oldest: int) -> bool:
        """Say whether another history's object has a version of the key that is older than all that exist."""
        location = location_of(name)
        try:
            envelope = decode_envelope(
                await self.objects.read(location, 0, await self.objects.size(location))
            )
        except (NotFound, Tampered):
            return False  # fsck reports one that cannot be read.
        return min(envelope.keys, default=oldest) < oldest

    async def _read(self, account_id: str) -> tuple[AccountObject, LogState]:
        """Return the account, and the log at a moment when all events that the account contains were in it.

        On PostgreSQL events wait before they come into the tree. Where the account did not change while they
        waited, or none waited, the later of two readings has the larger log, so the order of sizes is that
        of changes. Raises Unavailable if they wait too long.
        """
        for _ in range(_MAX_READS):
            known, waiting, log = await self.database.read(lambda tx: _account_and_log(tx, account_id))
            if not waiting:
                break
            await self._wait_for(account_id, waiting)
            log, revisions = await self.database.read(
                lambda tx: (_log_state(tx), tx.account_objects.revisions(account_id))
            )
            if revisions is not None and revisions.now == known.revision:
                break
        return known, log

    async def _wait_for(self, account_id: str, waiting: frozenset[int]) -> None:
        """Return once these events of the account are in the tree; sequence them if nobody else does."""
        for _ in range(_MAX_WAITS):
            await self.database.write(lambda tx: tx.tree.sequence(limit=_EVENT_BATCH_SIZE))
            if not waiting & await self.database.read(lambda tx: tx.account_objects.waiting(account_id)):
                return
            await asyncio.sleep(_WAIT_SECONDS)
        raise Unavailable("Events of an account wait for their place in the access log.")

    async def _write_prompts(self, known: AccountObject) -> list[str]:
        """Write the audio of notices that is not there yet; return what no notice has any more."""
        account_id = known.account.id
        there = {stored.key async for stored in self.objects.list(prompt_location(account_id, ""))}
        wanted = set()
        for notice_id, (digest, _) in known.prompts.items():
            location = prompt_location(account_id, digest)
            wanted.add(location)
            if location in there:
                continue
            prompt = await self.database.read(lambda tx, n=notice_id: tx.account_objects.prompt(n))  # type: ignore[misc]
            if prompt is not None:
                await self.objects.put(location, prompt.message)
        return sorted(there - wanted)


def _account_and_log(tx: Transaction, account_id: str) -> tuple[AccountObject, frozenset[int], LogState]:
    """Return what one snapshot has: the account, which of its events wait, and the log."""
    return tx.account_objects.read(account_id), tx.account_objects.waiting(account_id), _log_state(tx)


def _log_state(tx: Transaction) -> LogState:
    head = tx.tree.head()
    return LogState(size=head.size, root=head.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTombstones:
    """Write the tombstones that are due, several of one account in one object."""

    database: Database
    objects: ObjectStore

    async def any_due(self) -> bool:
        """Say whether there is one to write."""
        return bool(await self.database.read(lambda tx: tx.tombstones.due(1)))

    async def __call__(self) -> bool:
        """Write those of one account; False if none was due."""
        due = await self.database.read(lambda tx: tx.tombstones.due(MAX_TOMBSTONES))
        if not due:
            return False
        account_id = due[0].account_id
        location = location_of_tombstones(account_id, new_id("tomb"))
        await self.objects.put(location, encode_tombstones(account_id, due))
        await self.database.write(lambda tx: tx.tombstones.written(due))
        return True
