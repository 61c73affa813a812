"""The holds, also released ones."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import update

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.retention import holds
from vault.database.sql.dialect import insert_new
from vault.domain.retention.hold import Hold
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.retention_json import (
    StoredHold,
    decode_covers,
    decode_hold_fields,
    encode_covers,
    encode_hold_fields,
)

_RELEASE = ("released_at", "released_by", "free_at")


class _Holds(ListPart[StoredHold]):
    def read(self, source: Source) -> tuple[StoredHold, ...]:
        return tuple(hold_of(row) for row in source.rows(holds, "id"))

    def encode_one(self, item: StoredHold) -> dict[str, Any]:
        return encode_hold_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> StoredHold:
        return decode_hold_fields(fields, account_id)

    def replace(self, value: tuple[StoredHold, ...], target: Target) -> list[str]:
        """Add and complete holds, as below: none is ever deleted."""
        return self.add_lost(value, target)

    def add_lost(self, value: tuple[StoredHold, ...], target: Target) -> list[str]:
        """Add the holds of both histories; a release that either knows stands."""
        for stored in value:
            restore_hold(target.db, stored)
        return []


HOLDS = _Holds(name="holds", words="holds")


def restore_hold(db: DbConnection, stored: StoredHold) -> None:
    """Insert a hold from the object store, or complete it: a release that either side knows stands."""
    row = row_of_hold(stored)
    if not insert_new(db, holds, row) and stored.hold.free_at is not None:
        mine = (holds.c.id == stored.hold.id) & holds.c.free_at.is_(None)
        db.execute(update(holds).where(mine).values({name: row[name] for name in _RELEASE}))


def row_of_hold(stored: StoredHold) -> dict[str, Any]:
    """Return a hold as its row."""
    return row_of(stored.hold, covers=encode_covers(stored.hold.covers), sealed_text=stored.sealed_text)


def hold_of(row: Mapping[Any, Any]) -> StoredHold:
    """Convert the columns of a row, by name, to a hold."""
    hold = of_row(Hold, row, covers=decode_covers(row["covers"]))
    return StoredHold(hold=hold, sealed_text=row["sealed_text"])
