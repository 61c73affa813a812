"""The endpoints that receive events; URL and secrets are sealed as words of the account."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, select

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.events import event_endpoints
from vault.database.sql.destinations import set_up_destination, take_down_destinations
from vault.database.sql.dialect import insert_for, insert_new
from vault.domain.events.endpoint import PublicKey, StoredEndpoint, destination_of
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields
from vault.rfc3339 import parse_rfc3339, write_rfc3339


class _EventEndpoints(ListPart[StoredEndpoint]):
    def read(self, source: Source) -> tuple[StoredEndpoint, ...]:
        return tuple(endpoint_of(row) for row in source.rows(event_endpoints, "id"))

    def encode_one(self, item: StoredEndpoint) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> StoredEndpoint:
        return decode_fields(StoredEndpoint, fields, account_id=account_id)

    def replace(self, value: tuple[StoredEndpoint, ...], target: Target) -> list[str]:
        """Set the object's endpoints, and delete the others."""
        kept = {one.id for one in value}
        mine = select(event_endpoints.c.id).where(event_endpoints.c.account_id == target.account_id)
        delete_endpoints(target.db, set(target.db.execute(mine).scalars()) - kept)
        for one in value:
            put_endpoint(target.db, one)
        return []

    def add_lost(self, value: tuple[StoredEndpoint, ...], target: Target) -> list[str]:
        """Add endpoints that are not there, but for those that either side has deleted."""
        for one in value:
            if one.id not in target.deleted and insert_new(target.db, event_endpoints, _row(one)):
                _set_up(target.db, one)
        return []


EVENT_ENDPOINTS = _EventEndpoints(name="event_endpoints", words="endpoints that receive events")


def endpoint_of(row: Mapping[Any, Any]) -> StoredEndpoint:
    """Return an endpoint from its row."""
    keys = tuple(
        PublicKey(key=one["key"], since=parse_rfc3339(one["since"]), until=_moment(one["until"]))
        for one in row["public_keys"] or ()
    )
    return of_row(
        StoredEndpoint, row, types=tuple(row["types"]), public_keys=keys, ordered=bool(row["ordered"])
    )


def put_endpoint(db: DbConnection, endpoint: StoredEndpoint, *, repairs: bool = True) -> None:
    """Insert or replace an endpoint, which is healthy then; or as healthy as before, unless this ``repairs`` it."""
    values = _row(endpoint)
    put = insert_for(db, event_endpoints).values(values)
    changed = {name: put.excluded[name] for name in values if name != "id"}
    db.execute(put.on_conflict_do_update(index_elements=["id"], set_=changed))
    if repairs:
        _set_up(db, endpoint)


def delete_endpoints(db: DbConnection, ids: Collection[str]) -> int:
    """Delete endpoints and what waits for them; return how many there were."""
    take_down_destinations(db, [destination_of(one) for one in ids])
    return db.execute(delete(event_endpoints).where(event_endpoints.c.id.in_(ids))).rowcount


def _set_up(db: DbConnection, endpoint: StoredEndpoint) -> None:
    ordered_of = endpoint.account_id if endpoint.ordered else None
    set_up_destination(db, destination_of(endpoint.id), ordered_of=ordered_of)


def _row(endpoint: StoredEndpoint) -> dict[str, Any]:
    keys = [
        {
            "key": one.key,
            "since": write_rfc3339(one.since, "microseconds"),
            "until": None if one.until is None else write_rfc3339(one.until, "microseconds"),
        }
        for one in endpoint.public_keys
    ]
    return row_of(endpoint, types=list(endpoint.types), public_keys=keys or None)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_rfc3339(text)
