"""The callback about requests of people; URL and secret are sealed as words of the account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, select

from vault.database.account_parts.part import OptionalPart, Source, Target, of_row, row_of
from vault.database.schema.requests import request_callbacks, request_deliveries
from vault.database.sql.destinations import set_up_destination, take_down_destinations
from vault.database.sql.dialect import insert_for, insert_new
from vault.domain.requests.callback import destination_of
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCallback:
    """The callback of an account, as in its row."""

    sealed: str
    set_at: datetime
    set_by: str


class _Callback(OptionalPart[StoredCallback]):
    def read(self, source: Source) -> StoredCallback | None:
        return read_callback(source.db, source.account_id)

    def encode_one(self, item: StoredCallback) -> dict[str, Any]:
        return encode_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> StoredCallback:  # noqa: ARG002 - the text does not name it
        return decode_fields(StoredCallback, fields)

    def replace(self, value: StoredCallback | None, target: Target) -> list[str]:
        """Set the object's callback, or delete the callback where the object has none."""
        if value is None:
            delete_callback(target.db, target.account_id)
        elif read_callback(target.db, target.account_id) != value:
            put_callback(target.db, target.account_id, value)
        return []

    def add_lost(self, value: StoredCallback | None, target: Target) -> list[str]:
        """Set the callback, unless the account has one or has deleted it."""
        account_id = target.account_id
        if value is None or account_id in target.deleted:
            return []
        is_new = insert_new(target.db, request_callbacks, row_of(value, account_id=account_id))
        is_there = is_new or read_callback(target.db, account_id) == value
        return [] if is_there else ["the callback for requests"]


CALLBACK = _Callback(name="request_callback", words="the callback for requests")


def read_callback(db: DbConnection, account_id: str) -> StoredCallback | None:
    """Return the callback of an account."""
    mine = request_callbacks.c.account_id == account_id
    row = db.execute(select(request_callbacks).where(mine)).mappings().first()
    return None if row is None else of_row(StoredCallback, row)


def put_callback(db: DbConnection, account_id: str, callback: StoredCallback) -> None:
    """Insert or replace the callback of an account; what was noted of the former one's deliveries goes."""
    values = row_of(callback, delivered_at=None, failed_at=None, failure=None)
    put = insert_for(db, request_callbacks).values(account_id=account_id, **values)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))
    set_up_destination(db, destination_of(account_id))


def delete_callback(db: DbConnection, account_id: str) -> bool:
    """Delete the callback of an account and what was to be sent; return whether there was one."""
    db.execute(delete(request_deliveries).where(request_deliveries.c.account_id == account_id))
    take_down_destinations(db, [destination_of(account_id)])
    mine = request_callbacks.c.account_id == account_id
    return db.execute(delete(request_callbacks).where(mine)).rowcount == 1
