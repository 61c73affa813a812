"""The objections of people to being recorded."""

from typing import Any

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.consent import objections
from vault.database.sql.dialect import insert_new
from vault.domain.consent.consent_event import Objection
from vault.domain.stored.account_json import (
    StoredObjection,
    decode_objection_fields,
    encode_objection_fields,
)
from vault.domain.stored.json_reader import Fields


class _Objections(ListPart[StoredObjection]):
    def read(self, source: Source) -> tuple[StoredObjection, ...]:
        return tuple(
            of_row(StoredObjection, row, objection=of_row(Objection, row))
            for row in source.rows(objections, "id")
        )

    def encode_one(self, item: StoredObjection) -> dict[str, Any]:
        return encode_objection_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> StoredObjection:  # noqa: ARG002 - its row alone names it
        return decode_objection_fields(fields)

    def replace(self, value: tuple[StoredObjection, ...], target: Target) -> list[str]:
        """Write the object's objections over those with their ids; others stay, because none is ever deleted."""
        target.put(objections, ["id"], [_row(stored, target) for stored in value])
        return []

    def add_lost(self, value: tuple[StoredObjection, ...], target: Target) -> list[str]:
        """Keep the objections of both histories."""
        if value:
            insert_new(target.db, objections, *[_row(stored, target) for stored in value])
        return []


OBJECTIONS = _Objections(name="objections", words="objections", is_in_all=True)


def _row(stored: StoredObjection, target: Target) -> dict[str, Any]:
    row = row_of(stored.objection, **row_of(stored), account_id=target.account_id)
    del row["objection"]
    return row
