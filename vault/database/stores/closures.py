"""Closures of accounts, which are requests of the kind ``closure``, and what is left of an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as DbConnection
from sqlalchemy import and_, func, select, text, tuple_

from vault.database.schema.calls import call_facts
from vault.database.schema.core import IS_NOT_AVAILABLE, recordings
from vault.database.schema.requests import person_requests
from vault.database.stores.requests import RequestRow, row_of
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import RequestState

_P = person_requests.c
_CLOSURES = _P.kind == "closure"
_WAITING = _P.closed_at.is_(None) & (_P.state == str(RequestState.REVIEW)) & _CLOSURES
#: States of a closure that has begun: recording stays off.
_BEGUN = [str(state) for state in (RequestState.EXECUTING, RequestState.FULFILLED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRecording:
    """A recording of an account that is not erased."""

    id: str
    call_ref: str
    received_at: datetime
    state: State


class ClosureRows:
    """Closures in one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def newest(self, account_id: str) -> RequestRow | None:
        """Return the newest closure of an account, in any state."""
        query = select(person_requests).where(_P.account_id == account_id, _CLOSURES)
        row = self._db.execute(query.order_by(_P.created_at.desc(), _P.id.desc()).limit(1)).first()
        return None if row is None else row_of(row)

    def due(self, now: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return closures whose waiting time is over, the oldest first."""
        query = select(person_requests).where(_WAITING, _P.due_at <= now)
        return [row_of(row) for row in self._db.execute(query.order_by(_P.due_at, _P.id).limit(limit))]

    def next_due(self) -> datetime | None:
        """Return when the waiting time of the next closure is over."""
        return self._db.execute(select(func.min(_P.due_at, type_=_P.due_at.type)).where(_WAITING)).scalar()

    def has_begun(self, account_id: str) -> bool:
        """Return whether the account is being closed, or is closed."""
        query = select(_P.id).where(_P.account_id == account_id, _CLOSURES, _P.state.in_(_BEGUN)).limit(1)
        return self._db.execute(query).first() is not None

    def left(
        self, account_id: str, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[LeftRecording]:
        """Return recordings that are not erased, those after the cursor (received_at, id)."""
        r = recordings.c
        query = select(r.id, r.call_ref, r.received_at, r.state).where(
            r.account_id == account_id, r.state != str(State.ERASED)
        )
        if after is not None:
            query = query.where(tuple_(r.received_at, r.id) > after)
        rows = self._db.execute(query.order_by(r.received_at, r.id).limit(limit))
        return [
            LeftRecording(
                id=row.id, call_ref=row.call_ref, received_at=row.received_at, state=State(row.state)
            )
            for row in rows
        ]

    def calls_without_recordings(self, account_id: str, *, limit: int) -> Sequence[str]:
        """Return calls that have facts, and no recording that is not erased."""
        f, r = call_facts.c, recordings.c
        kept = select(r.id).where(
            r.account_id == f.account_id,
            r.call_ref == f.call_ref,
            r.state.not_in([str(state) for state in GONE]),
        )
        query = select(f.call_ref).where(f.account_id == account_id, ~kept.exists()).distinct()
        return list(self._db.execute(query.order_by(f.call_ref).limit(limit)).scalars())

    def count_left(self, account_id: str) -> int:
        """Return the number of recordings that are not erased."""
        r = recordings.c
        left = select(func.count()).where(r.account_id == account_id, r.state != str(State.ERASED))
        return int(self._db.execute(left).scalar_one())

    def erased(self, account_id: str) -> int:
        """Return the number of the account's erased recordings."""
        r = recordings.c
        query = select(func.count()).select_from(recordings)
        is_erased = and_(text(IS_NOT_AVAILABLE), r.state == str(State.ERASED))
        erased = query.where(r.account_id == account_id, is_erased)
        return int(self._db.execute(erased).scalar_one())
