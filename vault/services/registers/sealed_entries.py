"""Seal, write and open the entries of registers: one row each, under the account key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, cast

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.registers.entries import ENTRY_TYPES, Entry, Register, SealedEntry, T
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_entry, encode_entry
from vault.errors import Busy, Invalid, NotFound, Refused
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import open_message, seal
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_if_rotated

#: Max tries of a change that conflicts with concurrent changes.
_ATTEMPTS = 16
#: Entries per read when a whole register is read.
_BATCH_SIZE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[T]):
    """The new content of an entry, and the type of the access event, whose result is the entry's id."""

    content: T
    event: EventType
    #: Writes more in the same transaction, under the account's exclusive lock.
    also: Callable[[Transaction], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntries(Generic[T]):
    """The entries of one register, of every account."""

    database: Database
    ring: KeyRing
    register: Register
    #: The most entries of an account; None: no limit.
    most: int | None = None

    async def add(self, account_id: str, change: Change[T], *, actor: str) -> Entry[T]:
        """Add an entry.

        Raises Refused if the account has its only record of processing already, Invalid if the register is full.
        """
        added = await self._write(account_id, change, None, actor)
        if added is None:
            raise _changed()
        return added

    async def change(
        self,
        account_id: str,
        entry_id: str,
        change: Callable[[T], Change[T]],
        *,
        if_revision: int | None = None,
        actor: str,
    ) -> Entry[T]:
        """Apply ``change`` to the current content; concurrent changes are not lost. An unchanged content stays.

        Raises NotFound, Refused if the entry is no longer at ``if_revision``, Busy if others keep changing it, and
        what ``change`` raises.
        """
        for _ in range(_ATTEMPTS):
            before = await self.get(account_id, entry_id)
            if if_revision is not None and before.revision != if_revision:
                raise _changed()
            changed = change(before.content)
            if changed.content == before.content:
                return before
            after = await self._write(account_id, changed, before, actor)
            if after is not None:
                return after
        raise Busy("Other requests keep changing this entry. Send the request again.", retry_after=1)

    async def get(self, account_id: str, entry_id: str) -> Entry[T]:
        """Return an entry. Raises NotFound, Tampered."""
        row = await self.database.read(lambda tx: tx.registers.get(account_id, self.register, entry_id))
        if row is None:
            raise NotFound("There is no such entry.")
        return await self.open(row)

    async def page(
        self, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int
    ) -> Sequence[Entry[T]]:
        """Return entries, newest first, those after the item ``before``. Raises Tampered."""
        rows = await self.database.read(
            lambda tx: tx.registers.page(account_id, self.register, before=before, limit=limit)
        )
        return [await self.open(row) async for row in paced(rows)]

    async def every(self, account_id: str) -> list[Entry[T]]:
        """Return all entries, newest first. Raises Tampered."""
        found: list[Entry[T]] = []
        while True:
            before = (found[-1].created_at, found[-1].id) if found else None
            page = await self.page(account_id, before=before, limit=_BATCH_SIZE)
            found += page
            if len(page) < _BATCH_SIZE:
                return found

    async def open(self, row: SealedEntry) -> Entry[T]:
        """Decrypt a row. Raises NotFound if its key was destroyed, Tampered, Unavailable."""
        key = await self.ring.version(row.account_id, row.key_version)
        context = bound.of_register_entry(row.account_id, row.id)
        data = open_message(key.key, row.sealed_entry, context=context)
        return _entry(row, cast("T", decode_entry(ENTRY_TYPES[self.register], data)))

    async def _write(
        self, account_id: str, change: Change[T], before: Entry[T] | None, actor: str
    ) -> Entry[T] | None:
        """Write a new entry, or the revision after ``before``; None if another request was faster."""
        entry_id = new_id("reg") if before is None else before.id
        context, data = bound.of_register_entry(account_id, entry_id), encode_entry(change.content)

        async def write(key: AccountKey) -> SealedEntry | None:
            sealed = seal(key.key, context, data)

            def put(tx: Transaction) -> SealedEntry | None:
                is_counted = before is None and self.most is not None
                tx.lock_account(account_id, exclusive=is_counted or change.also is not None)
                if before is None:
                    self._check_room(tx, account_id)
                now = tx.now()
                row = SealedEntry(
                    id=entry_id,
                    account_id=account_id,
                    register=self.register,
                    revision=1 if before is None else before.revision + 1,
                    sealed_entry=sealed,
                    key_version=key.version,
                    created_at=now if before is None else before.created_at,
                    changed_at=now,
                    changed_by=actor,
                )
                if not (tx.registers.add(row) if before is None else tx.registers.replace(row)):
                    return None
                if change.also is not None:
                    change.also(tx)
                event = AccessEvent(type=change.event, at=now, account_id=account_id, actor=actor)
                tx.events.append(replace(event, result=entry_id))
                return row

            return await self.database.write(put, urgent=change.also is not None)

        written = await retry_if_rotated(self.ring, account_id, write)
        return None if written is None else _entry(written, change.content)

    def _check_room(self, tx: Transaction, account_id: str) -> None:
        if self.most is not None and tx.registers.count(account_id, self.register) >= self.most:
            text = (
                f"This register has {self.most} entries, the maximum, those that have ended included. Enter several "
                "recipients of one kind as one."
            )
            raise Invalid(text, field="name")


def _entry(row: SealedEntry, content: T) -> Entry[T]:
    return Entry(
        id=row.id,
        revision=row.revision,
        created_at=row.created_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        content=content,
    )


def _changed() -> Refused:
    return Refused(
        "The entry was changed in the meantime. Read it again before you change it.", reasons=("changed",)
    )
