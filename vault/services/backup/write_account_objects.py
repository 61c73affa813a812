"""Write and read account objects, and write tombstones, so that the bucket alone is enough for a restore.

An account object's key has the revision of the account and the state of the log. Older objects are deleted, except
those of another history, which may be the only copy of acknowledged changes. An object that contradicts the own log
is deleted as well once it holds a destroyed version of the account's key: no restore uses it, and the statement
about that version says that no copy is left. This is a singleton job; if a node writes late, after its lease
expired, its object has a lower revision, and the account is due again. A crash can leave an extra object, but never
a missing one.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from vault.database.account_object import AccountObject, decode_account, encode_account
from vault.database.account_parts.keys import KEYS, lacks
from vault.database.account_parts.notices import NOTICES, prompts_of
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.progress import MARK
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.account_envelope import Envelope, decode_envelope, encode_envelope
from vault.domain.stored.account_object_name import (
    LogState,
    ObjectName,
    SortedNames,
    location_of,
    name_at,
    prompt_location,
)
from vault.domain.stored.tombstone import MAX_TOMBSTONES, encode_tombstones
from vault.domain.stored.tombstone import location_of as location_of_tombstones
from vault.errors import NotFound, OwnKeyUnusable, Tampered, Unavailable
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import open_message, seal
from vault.services.audit_log.own_history import account_object_names, sort_by_history
from vault.services.backup.request_objects import RequestObjects
from vault.services.shared.job import DueJob
from vault.services.shared.paced import paced

_BATCH_SIZE = 16
#: Events sequenced per transaction.
_EVENT_BATCH_SIZE = 1000
#: Reads of a constantly changing account before the last state read is written.
_MAX_READS = 3
#: Maximum number of checks, and the seconds between two, until the account's events are in the tree.
_MAX_WAITS = 100
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteAccountObjects:
    """Write the objects of changed accounts."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    requests: RequestObjects

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on changed accounts; one whose customer-managed key is revoked stays due."""
        return [
            DueJob(
                work=Work.ACCOUNT_OBJECTS,
                any_due=self.any_due,
                step=self,
                needs_objects=True,
                pause=timedelta(seconds=0.2),
            ),
        ]

    async def any_due(self) -> bool:
        """Return whether an object is due."""
        return bool(await self.database.read(lambda tx: tx.account_objects.due(1)))

    async def __call__(self) -> bool:
        """Write a batch; False if none could be written. Raises NotFound if an account's key is gone, Unavailable."""
        postponed: list[str] = []
        written = 0
        while not written:
            due = await self.database.read(lambda tx: _due(tx, postponed))
            if not due:
                break
            async for account_id in paced(due):
                try:
                    await self._write(account_id)
                    written += 1
                except OwnKeyUnusable:
                    # The customer-managed key cannot be used; continue with the other accounts.
                    postponed.append(account_id)
        return bool(written)

    async def _write(self, account_id: str) -> None:
        # Before the account is read: its object has those that are closed or changed after this.
        await self.requests.write(account_id)
        known, log = await self._read(account_id)
        envelope = await self._sealed(known, log)
        obsolete = await self._write_prompts(known)
        name = name_at(account_id, known.revision, log)
        if not await self.objects.put(location_of(name), encode_envelope(envelope), if_absent=True):
            # Of a process that died before it noted this, or of a database that was set back to this state of the log
            # and has made as many changes since: the next revision has another name.
            await self.database.write(lambda tx: tx.account_objects.changed(account_id))
            return
        names = await sort_by_history(self.database, await account_object_names(self.objects, account_id))
        oldest = min(envelope.keys)
        destroyed = [
            other for other in names.foreign if await self._holds_destroyed_key(other, oldest=oldest)
        ]
        if names.ahead or len(names.foreign) > len(destroyed):
            # Another history may have its own notices, whose audio its objects need.
            obsolete = []
        obsolete += [location_of(other) for other in destroyed]
        revisions = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        if revisions is None or revisions.now != known.revision:
            # A newer revision may have prompts that this one lacks, so delete nothing. The account is due again,
            # because this write may have come after the newer one.
            await self.database.write(lambda tx: _note_written(tx, account_id, known.revision, again=True))
            return
        for location in obsolete:
            await self.objects.delete(location)
        await self._delete_older(names, name, known, written=revisions.written)
        # Last: older objects hold keys, so the account must stay due if a deletion fails.
        await self.database.write(lambda tx: _note_written(tx, account_id, known.revision))

    async def _sealed(self, known: AccountObject, log: LogState) -> Envelope:
        account_id, keys = known.account.id, known[KEYS].versions
        # The version of this snapshot, not the ring's cached current version.
        key = await self.ring.version(account_id, max(keys))
        context = bound.of_account_object(account_id, known.revision, log)
        sealed = seal(key.key, context, encode_account(known))
        return Envelope(account_id=account_id, revision=known.revision, log=log, keys=keys, sealed=sealed)

    async def _delete_older(
        self, names: SortedNames, name: ObjectName, known: AccountObject, *, written: int
    ) -> None:
        """Delete the own objects that are older than ``name``, but for those with a key that the account lacks."""
        not_noted = names.not_noted(written=written)
        async for other in paced(names.own):
            # One by one, so that each try gets further, however many a store left that fails.
            if other == name or other.revision > known.revision:
                continue
            if other not in not_noted or not await self._has_more(other, known):
                await self.objects.delete(location_of(other))

    async def _has_more(self, name: ObjectName, known: AccountObject) -> bool:
        """Return whether an object has a key that the account lacks."""
        try:
            other = await open_account_object(self.objects, self.ring, name)
        except (NotFound, Tampered):
            return False  # fsck reports unreadable objects.
        return lacks(known[KEYS], other[KEYS])

    async def _holds_destroyed_key(self, name: ObjectName, *, oldest: int) -> bool:
        """Return whether another history's object has a key version older than every existing one."""
        location = location_of(name)
        try:
            envelope = decode_envelope(
                await self.objects.read(location, 0, await self.objects.size(location))
            )
        except (NotFound, Tampered):
            return False  # fsck reports unreadable objects.
        return min(envelope.keys, default=oldest) < oldest

    async def _read(self, account_id: str) -> tuple[AccountObject, LogState]:
        """Return the account, and a state of the log that includes all events of this account state.

        On PostgreSQL events wait for the sequencer. If the account did not change meanwhile, or no event waited, a
        later read has a larger log, so log sizes are in the order of the changes. Raises Unavailable if they wait
        too long.
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
        """Wait until these events of the account are in the tree; sequence them if no other node does."""
        for _ in range(_MAX_WAITS):
            await self.database.write(lambda tx: tx.tree.sequence(limit=_EVENT_BATCH_SIZE))
            if not waiting & await self.database.read(lambda tx: tx.account_objects.waiting(account_id)):
                return
            await asyncio.sleep(_WAIT_SECONDS)
        raise Unavailable("Events of an account are not sequenced into the access log yet.")

    async def _write_prompts(self, known: AccountObject) -> list[str]:
        """Write missing audio of notices; return the locations of audio that no notice uses any more."""
        account_id = known.account.id
        present = {stored.key async for stored in self.objects.list(prompt_location(account_id, ""))}
        wanted = set()
        for notice_id, digest in prompts_of(known[NOTICES]).items():
            location = prompt_location(account_id, digest.sha256)
            wanted.add(location)
            if location in present:
                continue
            prompt = await self.database.read(lambda tx, n=notice_id: tx.account_objects.prompt(n))  # type: ignore[misc]
            if prompt is not None:
                await self.objects.put(location, prompt.message)
        return sorted(present - wanted)


def _account_and_log(tx: Transaction, account_id: str) -> tuple[AccountObject, frozenset[int], LogState]:
    """Read the account, its waiting events and the log's state in one snapshot."""
    return tx.account_objects.read(account_id), tx.account_objects.waiting(account_id), _log_state(tx)


def _note_written(tx: Transaction, account_id: str, revision: int, *, again: bool = False) -> None:
    tx.account_objects.written(account_id, revision)
    if again:
        tx.wake(Work.ACCOUNT_OBJECTS)


def _log_state(tx: Transaction) -> LogState:
    head = tx.tree.head()
    return LogState(size=head.size, root=head.root)


def _due(tx: Transaction, postponed: Sequence[str]) -> Sequence[str]:
    """Return accounts whose object is due; none during a restore, whose log is not joined yet.

    Such an object would name a log that its content is not from, and a later restore would prefer an older one.
    """
    if tx.metadata.get(MARK) is not None:
        return ()
    return tx.account_objects.due(_BATCH_SIZE, but=postponed)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTombstones:
    """Write due tombstones, a batch of one account per object."""

    database: Database
    objects: ObjectStore

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on due tombstones; while recording is off, each call may need one."""
        return [
            DueJob(
                work=Work.TOMBSTONES,
                any_due=self.any_due,
                step=self,
                needs_objects=True,
                pause=timedelta(seconds=1),
            ),
        ]

    async def any_due(self) -> bool:
        """Return whether a tombstone is due."""
        return bool(await self.database.read(lambda tx: tx.tombstones.due(1)))

    async def __call__(self) -> bool:
        """Write a batch of one account; False if none was due."""
        due, now = await self.database.read(lambda tx: (tx.tombstones.due(MAX_TOMBSTONES), tx.now()))
        if not due:
            return False
        account_id = due[0].account_id
        location = location_of_tombstones(account_id, now, secrets.token_hex(8))
        await self.objects.put(location, encode_tombstones(account_id, due))
        await self.database.write(lambda tx: tx.tombstones.written(due))
        return True


async def open_account_object(objects: ObjectStore, ring: KeyRing, name: ObjectName) -> AccountObject:
    """Return the content of an object. Raises NotFound, Tampered, OwnKeyUnusable, Unavailable."""
    location = location_of(name)
    envelope = decode_envelope(await objects.read(location, 0, await objects.size(location)))
    if envelope.name != name or not envelope.keys:
        raise Tampered("Its content does not match its key.")
    newest = max(envelope.keys)
    key = await ring.unwrap(name.account_id, newest, envelope.keys[newest])
    context = bound.of_account_object(name.account_id, name.revision, envelope.log)
    return decode_account(open_message(key.key, envelope.sealed, context=context), envelope)
