"""Requests of people as rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, or_, select, update

from vault.database.account_parts.part import account_changed
from vault.database.account_parts.requests import read_request
from vault.database.schema.requests import person_request_terms, person_requests, person_restrictions
from vault.database.signals import Work, wake
from vault.database.sql.dialect import insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.requests.request import OPEN, RETENTION, Request, RequestState
from vault.domain.stored.request_rows import StoredRequest
from vault.errors import Busy

_PLAIN = (
    "id", "account_id", "kind", "regime", "state", "received_at", "created_at", "due_at", "closed_at", "repeat_of",
    "revision",
)  # fmt: skip
#: What a row of requests is read from: not its receipt, which can be some megabytes.
COLUMNS: Final = [person_requests.c[name] for name in (*_PLAIN, "sealed_personal", "key_version", "tries")]
#: Open requests that are read to find one by its reference.
_SAME_TERM: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request with its personal data sealed."""

    #: Without personal data.
    request: Request
    #: None once it is forgotten.
    sealed_personal: bytes | None
    key_version: int | None
    #: Tries of its decision since the last progress.
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedReceipt:
    """The sealed receipt of a request, and the event whose leaf has its digest."""

    message: bytes
    key_version: int
    event_id: str
    #: An index in the log's tree that is not above that of the event.
    log_size: int


_EXECUTING = person_requests.c.closed_at.is_(None) & (person_requests.c.state == str(RequestState.EXECUTING))


class RequestRows(Rows):
    """Requests of people. A change is a compare-and-swap on the revision."""

    def insert(
        self, row: RequestRow, *, reference_term: bytes | None, terms: Sequence[bytes], key_version: int
    ) -> None:
        """Insert a request and the keyed hashes that find it. Raises KeyRetired."""
        request = row.request
        refuse_retired(self._db, request.account_id, key_version)
        values = _values(request) | {
            "reference_term": reference_term,
            "sealed_personal": row.sealed_personal,
            "key_version": key_version,
        }
        self._db.execute(person_requests.insert().values(values))
        term_rows = [
            {"account_id": request.account_id, "term": term, "request_id": request.id} for term in set(terms)
        ]
        if term_rows:
            insert_new(self._db, person_request_terms, *term_rows)
        account_changed(self._db, request.account_id)

    def change(self, row: RequestRow) -> None:
        """Replace a request whose revision is still the one before. Raises Busy, KeyRetired.

        Once it is closed, its content is forgotten when its retention ends.
        """
        request = row.request
        if row.key_version is not None:
            refuse_retired(self._db, request.account_id, row.key_version)
        mine = (person_requests.c.id == request.id) & (person_requests.c.revision == request.revision - 1)
        values = _values(request) | {
            "sealed_personal": row.sealed_personal,
            "key_version": row.key_version,
            "stored_under": None,
            "forget_at": None if request.closed_at is None else request.closed_at + RETENTION,
        }
        if self._db.execute(update(person_requests).where(mine).values(values)).rowcount != 1:
            raise Busy("Another client changes this request; retry.", retry_after=1)
        account_changed(self._db, request.account_id)
        if request.state is RequestState.EXECUTING:
            wake(self._db, Work.REQUESTS)

    def get(self, account_id: str, request_id: str) -> RequestRow | None:
        """Return a request of this account."""
        p = person_requests.c
        row = self._db.execute(select(*COLUMNS).where(p.id == request_id, p.account_id == account_id)).first()
        return None if row is None else row_of(row)

    def stored(self, account_id: str, request_id: str) -> StoredRequest:
        """Return a request, which must exist, as the object store keeps it."""
        return read_request(self._db, account_id, request_id)

    def of_reference(self, account_id: str, term: bytes) -> Sequence[RequestRow]:
        """Return the newest open requests with this term of a reference; those that differ in case share it."""
        p = person_requests.c
        is_open = p.state.in_([str(state) for state in OPEN])
        query = select(*COLUMNS).where(p.account_id == account_id, p.reference_term == term, is_open)
        newest = query.order_by(p.created_at.desc(), p.id.desc()).limit(_SAME_TERM)
        return [row_of(row) for row in self._db.execute(newest)]

    def earlier(self, account_id: str, kind: str, terms: Sequence[bytes]) -> str | None:
        """Return the id of the newest request of this kind for one of these identities."""
        p, t = person_requests.c, person_request_terms.c
        named = select(t.request_id).where(t.account_id == account_id, t.term.in_(terms))
        query = select(p.id).where(p.account_id == account_id, p.kind == kind, p.id.in_(named))
        return self._db.execute(query.order_by(p.created_at.desc(), p.id.desc()).limit(1)).scalar()

    def page(
        self,
        account_id: str,
        *,
        state: RequestState | None,
        due_before: datetime | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[RequestRow]:
        """Return an account's requests, newest first, those before the cursor (created_at, id)."""
        p = person_requests.c
        query = select(*COLUMNS).where(p.account_id == account_id)
        if state is not None:
            query = query.where(p.state == str(state))
        if due_before is not None:
            query = query.where(p.due_at < due_before, p.closed_at.is_(None))
        if before is not None:
            at, request_id = before
            query = query.where(or_(p.created_at < at, (p.created_at == at) & (p.id < request_id)))
        rows = self._db.execute(query.order_by(p.created_at.desc(), p.id.desc()).limit(limit))
        return [row_of(row) for row in rows]

    def executing(self, now: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return requests whose decision is to be tried now, of all accounts, those that waited longest first."""
        p = person_requests.c
        due = or_(p.next_try_at.is_(None), p.next_try_at <= now)
        query = select(*COLUMNS).where(_EXECUTING, due)
        rows = self._db.execute(
            query.order_by(p.next_try_at.asc().nulls_first(), p.due_at, p.id).limit(limit)
        )
        return [row_of(row) for row in rows]

    def perhaps_waiting(self, now: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return closed requests of which something may wait for a hold, and that are to be looked at now."""
        p = person_requests.c
        states = [str(state) for state in (RequestState.WAITS_FOR_HOLD, RequestState.PARTLY_FULFILLED)]
        due = or_(p.next_try_at.is_(None), p.next_try_at <= now)
        query = select(*COLUMNS).where(p.state.in_(states), p.sealed_personal.is_not(None), due)
        return [row_of(row) for row in self._db.execute(query.order_by(p.id).limit(limit))]

    def is_executing(self, account_id: str, kinds: Collection[str]) -> bool:
        """Return whether a decided request of one of these kinds is not carried out yet."""
        p = person_requests.c
        query = select(p.id).where(_EXECUTING, p.account_id == account_id, p.kind.in_(kinds)).limit(1)
        return self._db.execute(query).first() is not None

    def next_try(self) -> datetime | None:
        """Return when the next of the requests is tried that can only wait."""
        query = select(func.min(person_requests.c.next_try_at, type_=person_requests.c.next_try_at.type))
        return self._db.execute(query.where(_EXECUTING)).scalar()

    def try_again(self, request_id: str, at: datetime | None, *, tries: int) -> None:
        """Note when a decision is tried again, None for immediately, and how often it was tried without progress."""
        mine = person_requests.c.id == request_id
        self._db.execute(update(person_requests).where(mine).values(next_try_at=at, tries=tries))

    def overdue(self, now: datetime) -> int:
        """Return the number of open requests whose deadline has passed, of all accounts."""
        p = person_requests.c
        query = (
            select(func.count())
            .select_from(person_requests)
            .where(p.closed_at.is_(None), p.due_at < now, p.kind != "closure")
        )
        return self._db.execute(query).scalar_one()

    def close(self, row: RequestRow, receipt: SealedReceipt) -> None:
        """Close a request with its receipt. Raises Busy, KeyRetired."""
        self.change(row)
        mine = person_requests.c.id == row.request.id
        values = {
            "sealed_receipt": receipt.message,
            "receipt_key_version": receipt.key_version,
            "receipt_event": receipt.event_id,
            "receipt_log_size": receipt.log_size,
        }
        self._db.execute(update(person_requests).where(mine).values(values))

    def receipt(self, account_id: str, request_id: str) -> SealedReceipt | None:
        """Return the sealed receipt of a request."""
        p = person_requests.c
        query = select(p.sealed_receipt, p.receipt_key_version, p.receipt_event, p.receipt_log_size)
        row = self._db.execute(query.where(p.id == request_id, p.account_id == account_id)).first()
        if row is None or row.sealed_receipt is None:
            return None
        message, key_version, event_id, log_size = row
        return SealedReceipt(message=message, key_version=key_version, event_id=event_id, log_size=log_size)

    def with_receipt(self, account_id: str, terms: Collection[bytes], *, limit: int) -> Sequence[str]:
        """Return the ids of closed requests for one of these identities that have a receipt, the newest first."""
        p, t = person_requests.c, person_request_terms.c
        named = select(t.request_id).where(t.account_id == account_id, t.term.in_(terms))
        query = select(p.id).where(p.account_id == account_id, p.id.in_(named), p.sealed_receipt.is_not(None))
        rows = self._db.execute(query.order_by(p.created_at.desc(), p.id.desc()).limit(limit))
        return list(rows.scalars())

    def forget(self, now: datetime, *, limit: int) -> int:
        """Delete what is sealed in requests whose own retention has ended, and their terms; return how many."""
        p = person_requests.c
        # A node of an earlier release notes no time for a request that is withdrawn.
        unnoted = p.forget_at.is_(None) & p.sealed_personal.is_not(None) & (p.closed_at <= now - RETENTION)
        due = select(p.id, p.account_id).where(or_(p.forget_at <= now, unnoted)).limit(limit)
        rows = self._db.execute(due).all()
        ids = [row.id for row in rows]
        empty = dict.fromkeys(
            (
                "reference_term",
                "sealed_personal",
                "key_version",
                "sealed_receipt",
                "receipt_key_version",
                "stored_under",
            ),
            None,
        )
        self._db.execute(update(person_requests).where(p.id.in_(ids)).values(**empty, forget_at=None))
        self._db.execute(delete(person_request_terms).where(person_request_terms.c.request_id.in_(ids)))
        for account_id in {row.account_id for row in rows}:
            account_changed(self._db, account_id)
        return len(ids)

    def restricts(self, recording_id: str) -> Sequence[str]:
        """Return why a recording is restricted: ids of requests of persons, and other causes, ordered."""
        c = person_restrictions.c
        mine = select(c.request_id).where(c.recording_id == recording_id)
        return self._db.execute(mine.order_by(c.request_id)).scalars().all()

    def restricted_for(self, request_id: str) -> set[str]:
        """Return the recordings that are restricted for a request of a person, perhaps for others too."""
        c = person_restrictions.c
        return set(self._db.execute(select(c.recording_id).where(c.request_id == request_id)).scalars())

    def note_restriction(self, recording_id: str, cause: str) -> bool:
        """Note that a recording is restricted for a request, or for another cause, besides others; False if it was."""
        return bool(
            insert_new(self._db, person_restrictions, {"recording_id": recording_id, "request_id": cause})
        )

    def end_restriction(self, recording_id: str) -> None:
        """Forget why a recording was restricted."""
        p, c = person_requests.c, person_restrictions.c
        requests = select(p.id, p.account_id).join(person_restrictions, c.request_id == p.id)
        for row in self._db.execute(requests.where(c.recording_id == recording_id)).all():
            self._db.execute(update(person_requests).where(p.id == row.id).values(stored_under=None))
            account_changed(self._db, row.account_id)
        self._db.execute(delete(person_restrictions).where(c.recording_id == recording_id))


def _values(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _PLAIN} | {"state": str(request.state)}


def row_of(row: Row[Any]) -> RequestRow:
    """Return a row of requests."""
    plain = {name: getattr(row, name) for name in _PLAIN}
    request = Request(**plain | {"state": RequestState(row.state)}, personal=None)
    return RequestRow(
        request=request,
        sealed_personal=row.sealed_personal,
        key_version=row.key_version,
        tries=row.tries or 0,
    )
