"""Closures of accounts, which are requests of the kind ``closure``, and what is left of an account."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, text, tuple_

from vault.database.schema.calls import call_facts
from vault.database.schema.core import IS_NOT_AVAILABLE, recordings
from vault.database.schema.requests import person_requests
from vault.database.stores.requests.requests import COLUMNS, RequestRow, row_of
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import BEGUN, RequestState

_P = person_requests.c
_CLOSURES = _P.kind == "closure"
_WAITING = _P.closed_at.is_(None) & (_P.state == str(RequestState.REVIEW)) & _CLOSURES
_BEGUN = [str(state) for state in BEGUN]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingRecording:
    """A recording of an account that is not erased."""

    id: str
    call_ref: str
    received_at: datetime


class ClosureRows(Rows):
    """Closures in one transaction."""

    def newest(self, account_id: str) -> RequestRow | None:
        """Return the newest closure of an account, in any state."""
        query = select(*COLUMNS).where(_P.account_id == account_id, _CLOSURES)
        row = self._db.execute(query.order_by(_P.created_at.desc(), _P.id.desc()).limit(1)).first()
        return None if row is None else row_of(row)

    def due(self, checked: datetime, now: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return closures to begin, those that waited longest first.

        ``checked``: the time by which their waiting time is over; ``now``: by which a try is due that failed before.
        """
        may_try = _P.next_try_at.is_(None) | (_P.next_try_at <= now)
        query = select(*COLUMNS).where(_WAITING, _P.due_at <= checked, may_try)
        ordered = query.order_by(_P.next_try_at.asc().nulls_first(), _P.due_at, _P.id)
        return [row_of(row) for row in self._db.execute(ordered.limit(limit))]

    def next_due(self) -> datetime | None:
        """Return when the waiting time is over of the next closure that was not tried yet."""
        query = select(func.min(_P.due_at, type_=_P.due_at.type))
        return self._db.execute(query.where(_WAITING, _P.next_try_at.is_(None))).scalar()

    def next_try(self) -> datetime | None:
        """Return when the next closure is tried that could not be begun."""
        query = select(func.min(_P.next_try_at, type_=_P.next_try_at.type))
        return self._db.execute(query.where(_WAITING)).scalar()

    def has_begun(self, account_id: str) -> bool:
        """Return whether the account is being closed, or is closed."""
        query = select(_P.id).where(_P.account_id == account_id, _CLOSURES, _P.state.in_(_BEGUN)).limit(1)
        return self._db.execute(query).first() is not None

    def executing_among(self, closure_ids: Collection[str]) -> set[str]:
        """Return those of the closures that have begun and not ended."""
        query = select(_P.id).where(_P.id.in_(closure_ids), _P.state == str(RequestState.EXECUTING))
        return set(self._db.execute(query).scalars())

    def begins_by(self, account_id: str, by: datetime) -> bool:
        """Return whether the account is closed or being closed, or will be by then."""
        waits = _WAITING & (_P.due_at <= by)
        query = select(_P.id).where(_P.account_id == account_id, _CLOSURES, _P.state.in_(_BEGUN) | waits)
        return self._db.execute(query.limit(1)).first() is not None

    def left(self, account_id: str) -> bool:
        """Return whether the account has a recording that is not erased."""
        r = recordings.c
        query = select(r.id).where(r.account_id == account_id, r.state != str(State.ERASED)).limit(1)
        return self._db.execute(query).first() is not None

    def to_erase(
        self,
        account_id: str,
        *,
        stamp: int,
        now: datetime,
        classes: Collection[str],
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[RemainingRecording]:
        """Return recordings to erase, those after the cursor (received_at, id); guards may still keep them.

        Left out are those that a legal minimum keeps now, or one of ``classes``, by the policies of this ``stamp``.
        """
        r = recordings.c
        is_legal = r.legal_until.is_not(None) & (r.legal_until > now)
        is_of_class = r.retention_class.is_not(None) & r.retention_class.in_(classes)
        is_kept = (r.state == str(State.AVAILABLE)) & (r.policy_version == stamp) & (is_legal | is_of_class)
        query = select(r.id, r.call_ref, r.received_at).where(
            r.account_id == account_id, r.state.not_in([str(state) for state in GONE]), ~is_kept
        )
        if after is not None:
            query = query.where(tuple_(r.received_at, r.id) > after)
        rows = self._db.execute(query.order_by(r.received_at, r.id).limit(limit))
        return [
            RemainingRecording(id=row.id, call_ref=row.call_ref, received_at=row.received_at) for row in rows
        ]

    def calls_without_recordings(self, account_id: str, *, after: str, limit: int) -> Sequence[str]:
        """Return calls that have facts, and no recording that is not erased, those after ``after``."""
        f = call_facts.c
        query = select(f.call_ref).where(_has_no_recording(account_id), f.call_ref > after).distinct()
        return list(self._db.execute(query.order_by(f.call_ref).limit(limit)).scalars())

    def count_calls_without_recordings(self, account_id: str) -> int:
        """Return the number of calls that have facts, and no recording that is not erased."""
        query = select(func.count(call_facts.c.call_ref.distinct())).where(_has_no_recording(account_id))
        return int(self._db.execute(query).scalar_one())

    def count_left(self, account_id: str) -> int:
        """Return the number of recordings that are not erased."""
        r = recordings.c
        left = select(func.count()).where(r.account_id == account_id, r.state != str(State.ERASED))
        return int(self._db.execute(left).scalar_one())

    def erased(self, account_id: str) -> int:
        """Return the number of the account's erased recordings."""
        r = recordings.c
        query = select(func.count()).select_from(recordings)
        erased = query.where(r.account_id == account_id, text(IS_NOT_AVAILABLE), r.state == str(State.ERASED))
        return int(self._db.execute(erased).scalar_one())


def _has_no_recording(account_id: str) -> ColumnElement[bool]:
    f, r = call_facts.c, recordings.c
    present = select(r.id).where(
        r.account_id == f.account_id,
        r.call_ref == f.call_ref,
        r.state.not_in([str(state) for state in GONE]),
    )
    return (f.account_id == account_id) & ~present.exists()
