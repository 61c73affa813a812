"""The requests of people: those in the account's object, and closed ones in objects of their own."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import RowMapping, Table, select, text, update

from vault.batches import batches
from vault.database.account_parts.part import ListPart, Source, Target
from vault.database.schema.requests import (
    TO_STORE,
    person_request_terms,
    person_requests,
    person_restrictions,
)
from vault.database.sql.dialect import insert_for, insert_new
from vault.domain.requests.request import Request, RequestState
from vault.domain.stored.json_reader import Fields
from vault.domain.stored.request_rows import StoredRequest, decode_request_fields, encode_request_fields

#: Closed requests in an account's object that are in no object of their own yet, the newest; open ones are all in it.
MAX_CLOSED: Final = 500
#: Requests named in one statement.
_BATCH_SIZE: Final = 500
_REQUEST = tuple(name for name in Request.__slots__ if name != "personal")
_SEALED = (
    "reference_term", "sealed_personal", "key_version", "sealed_receipt", "receipt_key_version", "receipt_event",
    "receipt_log_size", "forget_at",
)  # fmt: skip


class _Requests(ListPart[StoredRequest]):
    def read(self, source: Source) -> tuple[StoredRequest, ...]:
        p = person_requests.c
        is_open = select(person_requests).where(p.account_id == source.account_id, p.closed_at.is_(None))
        rows = [
            *source.db.execute(is_open.order_by(p.created_at, p.id)).mappings(),
            *_to_store(source.db, source.account_id, limit=MAX_CLOSED),
        ]
        return _stored(source.db, rows)

    def encode_one(self, item: StoredRequest) -> dict[str, Any]:
        return encode_request_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> StoredRequest:
        return decode_request_fields(fields, account_id)

    def replace(self, value: tuple[StoredRequest, ...], target: Target) -> list[str]:
        """Add missing requests, and take later revisions."""
        restore_requests(target.db, target.account_id, value, target.keys)
        return []

    def add_lost(self, value: tuple[StoredRequest, ...], target: Target) -> list[str]:
        """Add missing requests that a key of this account opens, and take later revisions."""
        usable = target.usable_versions() if value else ()
        restore_requests(target.db, target.account_id, value, usable)
        return []

    def differences(self, stored: tuple[StoredRequest, ...], own: tuple[StoredRequest, ...]) -> list[str]:
        """Compare the open ones, without the recordings that are restricted for them.

        Closed ones move to objects of their own. A restriction is noted without a change of the account: the request
        that is carried out again after a restore notes it again.
        """
        return super().differences(_open(stored), _open(own))


#: The open ones, and the newest closed ones.
REQUESTS = _Requests(name="requests", words="requests of people")


def _open(requests: tuple[StoredRequest, ...]) -> tuple[StoredRequest, ...]:
    return tuple(replace(one, restricts=()) for one in requests if one.request.closed_at is None)


def read_request(db: DbConnection, account_id: str, request_id: str) -> StoredRequest:
    """Return one request. Its row must exist."""
    p = person_requests.c
    mine = select(person_requests).where(p.id == request_id, p.account_id == account_id)
    return _stored(db, [db.execute(mine).mappings().one()])[0]


def requests_to_store(db: DbConnection, account_id: str, *, limit: int) -> tuple[StoredRequest, ...]:
    """Return closed requests of an account that are in no object of their own yet, the newest first."""
    return _stored(db, _to_store(db, account_id, limit=limit))


def request_stored(db: DbConnection, stored: StoredRequest, *, under: int) -> None:
    """Note that a closed request is in its own object, unless it has changed since it was read."""
    p = person_requests.c
    rows = db.execute(select(person_requests).where(p.id == stored.request.id)).mappings().all()
    if _stored(db, rows) == (stored,):
        db.execute(update(person_requests).where(p.id == stored.request.id).values(stored_under=under))


def complete_requests(db: DbConnection, account_id: str) -> frozenset[str]:
    """Return the ids of the closed requests of an account whose rows are complete: none of them changes any more."""
    p = person_requests.c
    complete = p.sealed_personal.is_not(None) | p.forget_at.is_(None)
    query = select(p.id).where(p.account_id == account_id, p.closed_at.is_not(None), complete)
    return frozenset(db.execute(query).scalars())


def _to_store(db: DbConnection, account_id: str, *, limit: int) -> Sequence[RowMapping]:
    p = person_requests.c
    # Literal, as in the condition of the index.
    due = select(person_requests).where(p.account_id == account_id, text(TO_STORE))
    return db.execute(due.order_by(p.created_at.desc(), p.id.desc()).limit(limit)).mappings().all()


def _stored(db: DbConnection, rows: Sequence[RowMapping]) -> tuple[StoredRequest, ...]:
    ids = [row["id"] for row in rows]
    terms = _by_request(db, person_request_terms, "term", ids)
    restricts = _by_request(db, person_restrictions, "recording_id", ids)
    return tuple(
        StoredRequest(
            request=Request(
                **{name: row[name] for name in _REQUEST} | {"state": RequestState(row["state"])},
                personal=None,
            ),
            **{name: row[name] for name in _SEALED},
            terms=tuple(terms[row["id"]]),
            restricts=tuple(restricts[row["id"]]),
        )
        for row in rows
    )


def restore_requests(
    db: DbConnection,
    account_id: str,
    requests: Sequence[StoredRequest],
    versions: Collection[int],
    *,
    under: Mapping[str, int] | None = None,
) -> None:
    """Insert requests from the object store that the account lacks, or of which it has an older revision.

    ``versions`` of the account key are those of the object that this account has too: under another one nothing opens.
    ``under``: the oldest version in the object of their own of those that come from one, by id.
    """
    p = person_requests.c
    own = {
        row.id: (row.revision, row.sealed_personal is not None or row.forget_at is None)
        for row in db.execute(
            select(p.id, p.revision, p.sealed_personal, p.forget_at).where(p.account_id == account_id)
        )
    }
    for stored in requests:
        revision, is_complete = own.get(stored.request.id, (0, False))
        is_newer = stored.request.revision > revision or (
            stored.request.revision == revision and not is_complete
        )
        if is_newer and stored.key_versions <= set(versions):
            _put(db, stored, (under or {}).get(stored.request.id))


def _put(db: DbConnection, stored: StoredRequest, under: int | None) -> None:
    values: dict[str, Any] = {name: stored.value(name) for name in (*_REQUEST, *_SEALED)}
    values |= {"state": str(stored.request.state), "next_try_at": None, "tries": None, "stored_under": under}
    put = insert_for(db, person_requests).values(values)
    db.execute(put.on_conflict_do_update(index_elements=["id"], set_=values))
    request_id, account_id = stored.request.id, stored.request.account_id
    terms = [{"account_id": account_id, "term": term, "request_id": request_id} for term in stored.terms]
    if terms:
        insert_new(db, person_request_terms, *terms)
    restricts = [{"recording_id": one, "request_id": request_id} for one in stored.restricts]
    if restricts:
        insert_new(db, person_restrictions, *restricts)


def _by_request(db: DbConnection, table: Table, column: str, ids: Sequence[str]) -> dict[str, list[Any]]:
    by_request: dict[str, list[Any]] = defaultdict(list)
    for batch in batches(ids, _BATCH_SIZE):
        condition = table.c.request_id.in_(batch)
        query = select(table.c.request_id, table.c[column]).where(condition).order_by(table.c[column])
        for request_id, value in db.execute(query):
            by_request[request_id].append(value)
    return by_request
