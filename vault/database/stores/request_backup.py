"""Requests of people in the account's object: read for it, and restored from it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Table, select

from vault.database.schema.requests import person_request_terms, person_requests, person_restrictions
from vault.database.sql.dialect import insert_for, insert_new
from vault.domain.requests.request import Request, RequestState
from vault.domain.stored.request_rows import StoredRequest

#: Closed requests in an account's object, the newest; open ones are all in it.
MAX_CLOSED: Final = 500
#: Requests named in one statement.
_BATCH_SIZE: Final = 500
_REQUEST = tuple(name for name in Request.__slots__ if name != "personal")
_SEALED = (
    "reference_term", "sealed_personal", "key_version", "sealed_receipt", "receipt_key_version", "receipt_event",
    "receipt_log_size", "forget_at",
)  # fmt: skip


def read_requests(db: DbConnection, account_id: str) -> tuple[StoredRequest, ...]:
    """Return the open requests of an account, and its newest closed ones."""
    p = person_requests.c
    mine = select(person_requests).where(p.account_id == account_id)
    newest = mine.where(p.closed_at.is_not(None)).order_by(p.created_at.desc(), p.id.desc())
    rows = [*db.execute(mine.where(p.closed_at.is_(None)).order_by(p.created_at, p.id)).mappings()]
    rows += db.execute(newest.limit(MAX_CLOSED)).mappings()
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
    db: DbConnection, account_id: str, requests: Sequence[StoredRequest], versions: Collection[int]
) -> None:
    """Insert requests from the object store that the account lacks, or of which it has an older revision.

    ``versions`` of the account key are those of the object that this account has too: under another one nothing opens.
    """
    p = person_requests.c
    known = {
        row.id: (row.revision, row.sealed_personal is not None or row.forget_at is None)
        for row in db.execute(
            select(p.id, p.revision, p.sealed_personal, p.forget_at).where(p.account_id == account_id)
        )
    }
    for stored in requests:
        revision, is_complete = known.get(stored.request.id, (0, False))
        is_newer = stored.request.revision > revision or (
            stored.request.revision == revision and not is_complete
        )
        if is_newer and stored.key_versions <= set(versions):
            _put(db, stored)


def _put(db: DbConnection, stored: StoredRequest) -> None:
    values: dict[str, Any] = {name: stored.value(name) for name in (*_REQUEST, *_SEALED)}
    values |= {"state": str(stored.request.state), "next_try_at": None, "tries": None}
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
    found: dict[str, list[Any]] = defaultdict(list)
    for start in range(0, len(ids), _BATCH_SIZE):
        wanted = table.c.request_id.in_(ids[start : start + _BATCH_SIZE])
        query = select(table.c.request_id, table.c[column]).where(wanted).order_by(table.c[column])
        for request_id, value in db.execute(query):
            found[request_id].append(value)
    return found
