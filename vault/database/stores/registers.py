"""Entries of registers: sealed rows by account and register."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update

from vault.database.account_parts.part import account_changed, row_of
from vault.database.schema.registers import register_entries
from vault.database.sql.dialect import insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.registers.entries import Register, SealedEntry

_COLUMNS = [register_entries.c[name] for name in SealedEntry.__slots__]


class RegisterRows(Rows):
    """Entries of registers. A caller that writes one holds the account's shared lock."""

    def add(self, entry: SealedEntry) -> bool:
        """Insert an entry; False if the account has its record of processing already. Raises KeyRetired."""
        refuse_retired(self._db, entry.account_id, entry.key_version)
        return self._noted(entry, insert_new(self._db, register_entries, row_of(entry)))

    def replace(self, entry: SealedEntry) -> bool:
        """Write an entry over the revision before it; False if that is not the stored one. Raises KeyRetired."""
        refuse_retired(self._db, entry.account_id, entry.key_version)
        r = register_entries.c
        before = (r.account_id == entry.account_id) & (r.id == entry.id) & (r.revision == entry.revision - 1)
        changed = self._db.execute(update(register_entries).where(before).values(row_of(entry)))
        return self._noted(entry, changed.rowcount)

    def _noted(self, entry: SealedEntry, written: int) -> bool:
        if written:
            account_changed(self._db, entry.account_id)
        return bool(written)

    def get(self, account_id: str, register: Register, entry_id: str) -> SealedEntry | None:
        """Return an entry of this account and register."""
        entry = self.by_id(entry_id)
        mine = entry is not None and (entry.account_id, entry.register) == (account_id, register)
        return entry if mine else None

    def by_id(self, entry_id: str) -> SealedEntry | None:
        """Return an entry of any account: the id of a record of processing opens its privacy page."""
        row = self._db.execute(select(*_COLUMNS).where(register_entries.c.id == entry_id)).first()
        return None if row is None else _entry(row)

    def count(self, account_id: str, register: Register) -> int:
        """Return the number of entries of a register."""
        r = register_entries.c
        query = select(func.count()).select_from(register_entries)
        query = query.where(r.account_id == account_id, r.register == register)
        return int(self._db.execute(query).scalar_one())

    def page(
        self, account_id: str, register: Register, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[SealedEntry]:
        """Return entries of a register, newest first, those after the item ``before``."""
        r = register_entries.c
        query = select(*_COLUMNS).where(r.account_id == account_id, r.register == register)
        if before is not None:
            at, entry_id = before
            query = query.where(or_(r.created_at < at, and_(r.created_at == at, r.id < entry_id)))
        rows = self._db.execute(query.order_by(r.created_at.desc(), r.id.desc()).limit(limit))
        return [_entry(row) for row in rows]


def _entry(row: Row[Any]) -> SealedEntry:
    return SealedEntry(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
