"""Requests of people as rows, and the search for what the account holds of a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.calls import call_facts
from vault.database.schema.consent import consent_events
from vault.database.schema.core import links, recordings
from vault.database.schema.requests import person_request_terms, person_requests, person_restrictions
from vault.database.signals import Work, wake
from vault.database.sql.dialect import insert_new
from vault.database.stores.call_facts import refs_of_terms
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.recordings import matching_recordings
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Period, Request, RequestState
from vault.errors import Busy

#: Recordings and calls that one search returns; a search that finds more is refused.
MAX_FOUND = 10_000
#: Calls named in one statement.
_BATCH_SIZE = 500
_PLAIN = (
    "id", "account_id", "kind", "regime", "state", "received_at", "created_at", "due_at", "closed_at", "repeat_of",
    "revision",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request with its personal data sealed."""

    #: Without personal data.
    request: Request
    #: None once it is forgotten.
    sealed_personal: bytes | None
    key_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedReceipt:
    """The sealed receipt of a request, and the event whose leaf has its digest."""

    message: bytes
    key_version: int
    event_id: str
    #: An index in the log's tree that is not above that of the event.
    log_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecording:
    """A recording of a person, in any state but erased."""

    id: str
    call_ref: str
    state: State
    restricted: bool
    #: The start of its call, or its receipt where that is not known.
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCall:
    """A call of a person that has facts but no recording."""

    call_ref: str
    at: datetime


class RequestRows:
    """Requests of people. A change is a compare-and-swap on the revision."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def insert(
        self, row: RequestRow, *, reference_term: bytes, terms: Sequence[bytes], key_version: int
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
        found = [
            {"account_id": request.account_id, "term": term, "request_id": request.id} for term in set(terms)
        ]
        insert_new(self._db, person_request_terms, *found)

    def change(self, row: RequestRow) -> None:
        """Replace a request whose revision is still the one before. Raises Busy, KeyRetired."""
        request = row.request
        if row.key_version is not None:
            refuse_retired(self._db, request.account_id, row.key_version)
        mine = (person_requests.c.id == request.id) & (person_requests.c.revision == request.revision - 1)
        values = _values(request) | {
            "sealed_personal": row.sealed_personal,
            "key_version": row.key_version,
        }
        if self._db.execute(update(person_requests).where(mine).values(values)).rowcount != 1:
            raise Busy("Another client changes this request; retry.", retry_after=1)
        if request.state is RequestState.EXECUTING:
            wake(self._db, Work.REQUESTS)

    def get(self, account_id: str, request_id: str) -> RequestRow | None:
        """Return a request of this account."""
        p = person_requests.c
        row = self._db.execute(
            select(person_requests).where(p.id == request_id, p.account_id == account_id)
        ).first()
        return None if row is None else _row(row)

    def of_reference(self, account_id: str, term: bytes) -> RequestRow | None:
        """Return the newest request with this reference."""
        p = person_requests.c
        query = select(person_requests).where(p.account_id == account_id, p.reference_term == term)
        row = self._db.execute(query.order_by(p.created_at.desc(), p.id.desc()).limit(1)).first()
        return None if row is None else _row(row)

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
        query = select(person_requests).where(p.account_id == account_id)
        if state is not None:
            query = query.where(p.state == str(state))
        if due_before is not None:
            query = query.where(p.due_at < due_before, p.closed_at.is_(None))
        if before is not None:
            at, request_id = before
            query = query.where(or_(p.created_at < at, (p.created_at == at) & (p.id < request_id)))
        rows = self._db.execute(query.order_by(p.created_at.desc(), p.id.desc()).limit(limit))
        return [_row(row) for row in rows]

    def executing(self, *, limit: int) -> Sequence[RequestRow]:
        """Return requests whose decision is being carried out, of all accounts, the most urgent first."""
        p = person_requests.c
        query = select(person_requests).where(p.closed_at.is_(None), p.state == str(RequestState.EXECUTING))
        return [_row(row) for row in self._db.execute(query.order_by(p.due_at, p.id).limit(limit))]

    def overdue(self, now: datetime) -> int:
        """Return the number of open requests whose deadline has passed, of all accounts."""
        p = person_requests.c
        query = select(func.count()).select_from(person_requests).where(p.closed_at.is_(None), p.due_at < now)
        return self._db.execute(query).scalar_one()

    def close(self, row: RequestRow, receipt: SealedReceipt, *, forget_at: datetime) -> None:
        """Close a request with its receipt. Raises Busy, KeyRetired."""
        self.change(row)
        mine = person_requests.c.id == row.request.id
        values = {
            "sealed_receipt": receipt.message,
            "receipt_key_version": receipt.key_version,
            "receipt_event": receipt.event_id,
            "receipt_log_size": receipt.log_size,
            "forget_at": forget_at,
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

    def forget(self, now: datetime, *, limit: int) -> int:
        """Delete what is sealed in requests whose own retention has ended, and their terms; return how many."""
        p = person_requests.c
        due = select(p.id).where(p.forget_at <= now).limit(limit)
        ids = list(self._db.execute(due).scalars())
        empty = dict.fromkeys(
            ("reference_term", "sealed_personal", "key_version", "sealed_receipt", "receipt_key_version"),
            None,
        )
        self._db.execute(update(person_requests).where(p.id.in_(ids)).values(**empty, forget_at=None))
        self._db.execute(delete(person_request_terms).where(person_request_terms.c.request_id.in_(ids)))
        return len(ids)

    def restricts(self, recording_id: str) -> str | None:
        """Return the request of a person for which a recording is restricted; None if there is none."""
        c = person_restrictions.c
        return self._db.execute(select(c.request_id).where(c.recording_id == recording_id)).scalar()

    def note_restriction(self, recording_id: str, request_id: str) -> None:
        """Note that a recording is restricted for a request; the first request stays."""
        insert_new(self._db, person_restrictions, {"recording_id": recording_id, "request_id": request_id})

    def end_restriction(self, recording_id: str) -> None:
        """Forget for which request a recording was restricted."""
        mine = person_restrictions.c.recording_id == recording_id
        self._db.execute(delete(person_restrictions).where(mine))

    def find_recordings(
        self, account_id: str, terms: Sequence[bytes], period: Period
    ) -> Sequence[FoundRecording]:
        """Return up to MAX_FOUND + 1 recordings in every state but erased that have one of these terms."""
        r = recordings.c
        at = func.coalesce(r.call_started_at, r.received_at, type_=r.received_at.type)
        query = select(r.id, r.call_ref, r.state, r.restricted, at.label("at")).where(
            r.id.in_(matching_recordings(account_id, terms)),
            r.state.not_in([str(state) for state in GONE]),
            *_within(at, period),
        )
        rows = self._db.execute(query.order_by(at, r.id).limit(MAX_FOUND + 1))
        return [
            FoundRecording(
                id=row.id, call_ref=row.call_ref, state=State(row.state), restricted=row.restricted, at=row.at
            )
            for row in rows
        ]

    def find_calls(self, account_id: str, terms: Sequence[bytes], period: Period) -> Sequence[FoundCall]:
        """Return up to MAX_FOUND + 1 calls with one of these terms and without a recording that is not erased."""
        f, r = call_facts.c, recordings.c
        at = func.min(func.coalesce(f.started_at, f.at), type_=f.at.type)
        kept = (
            select(r.id)
            .where(
                r.account_id == f.account_id,
                r.call_ref == f.call_ref,
                r.state.not_in([str(state) for state in GONE]),
            )
            .exists()
        )
        query = select(f.call_ref, at.label("at")).where(
            f.account_id == account_id, f.call_ref.in_(refs_of_terms(account_id, terms)), ~kept
        )
        query = query.group_by(f.call_ref).having(*_within(at, period)).order_by(at, f.call_ref)
        rows = self._db.execute(query.limit(MAX_FOUND + 1))
        return [FoundCall(call_ref=row.call_ref, at=row.at) for row in rows]

    def count_consents(self, account_id: str, call_refs: Sequence[str]) -> int:
        """Return the number of consent events of these calls."""
        c = consent_events.c
        counted = 0
        for start in range(0, len(call_refs), _BATCH_SIZE):
            batch = call_refs[start : start + _BATCH_SIZE]
            wanted: ColumnElement[bool] = (c.account_id == account_id) & c.call_ref.in_(batch)
            counted += self._db.execute(
                select(func.count()).select_from(consent_events).where(wanted)
            ).scalar_one()
        return counted

    def count_links(self, account_id: str, listener_terms: Sequence[bytes]) -> int:
        """Return the number of links of which the person was the listener."""
        wanted = (links.c.account_id == account_id) & links.c.listener_term.in_(listener_terms)
        return self._db.execute(select(func.count()).select_from(links).where(wanted)).scalar_one()


def _within(at: ColumnElement[datetime], period: Period) -> list[ColumnElement[bool]]:
    since = [] if period.since is None else [at >= period.since]
    return since if period.until is None else [*since, at < period.until]


def _values(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _PLAIN} | {"state": str(request.state)}


def _row(row: Row[Any]) -> RequestRow:
    plain = {name: getattr(row, name) for name in _PLAIN}
    request = Request(**plain | {"state": RequestState(row.state)}, personal=None)
    return RequestRow(
        request=request,
        sealed_personal=row.sealed_personal,
        key_version=row.key_version,
    )
