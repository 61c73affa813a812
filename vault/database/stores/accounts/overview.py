"""The numbers of an account's overview: each reads a bounded number of rows by an index, however large the archive."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    case,
    func,
    literal_column,
    select,
    text,
    type_coerce,
)

from vault.database.schema.accounts import IS_SET_ASIDE
from vault.database.schema.calls import call_changes, call_facts
from vault.database.schema.core import IS_HELD, IS_WORK, micros, recordings
from vault.database.schema.requests import person_requests
from vault.database.schema.retention import pending_erasures
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import State

#: Rows that one number reads at most; a count of so many means "or more".
LIMIT: Final = 1000
#: Counts by full days that are left: 0 is less than a day, -1 is over, None has no end.
DaysLeft = Mapping[int | None, int]
#: In microseconds. Both sides are whole numbers, so that the database divides without a rest.
_DAY: Final = literal_column("86400000000", BigInteger)
_R = recordings.c


class OverviewRows(Rows):
    """Numbers of an account."""

    def quarantined(self, account_id: str, now: datetime) -> DaysLeft:
        """Count the newest recordings in quarantine by the days until they are refused."""
        newest = _newest(account_id, State.QUARANTINED, _R.quarantined_until.label("ends_at"))
        return self._days_left(newest, now)

    def held(self, account_id: str) -> int:
        """Count recordings that a sweep found held."""
        return self._count(select(_R.id).where(_R.account_id == account_id, text(IS_HELD)))

    def erasures_waiting(self, account_id: str) -> int:
        """Count erasures that a person asked for and that something stops."""
        p = pending_erasures.c
        return self._count(select(p.recording_id).where(p.account_id == account_id))

    def queued(self, account_id: str) -> int:
        """Count recordings that wait for the worker."""
        work = select(_R.id).where(_R.account_id == account_id, text(IS_WORK))
        return self._count(work)

    def requests_due(self, account_id: str, now: datetime) -> DaysLeft:
        """Count the open requests of people by the days until they are due; the closure of the account is none."""
        p = person_requests.c
        mine = (p.account_id == account_id) & (p.kind != "closure")
        earliest = select(p.due_at.label("ends_at")).where(mine, p.closed_at.is_(None))
        return self._days_left(earliest.order_by(p.due_at).limit(LIMIT), now)

    def running(self, account_id: str, since: datetime) -> int:
        """Count the calls that began since then, and of which neither an end nor a recording has come.

        Of the calls of the account that changed last, LIMIT are looked at.
        """
        changes, facts = call_changes.c, call_facts.c
        newest = (
            select(changes.call_ref)
            .where(changes.account_id == account_id)
            .order_by(changes.changed.desc(), changes.call_ref.desc())
            .limit(LIMIT)
            .subquery()
        )
        recorded = select(_R.id).where(_R.account_id == account_id, _R.call_ref == newest.c.call_ref).exists()
        return self._count(
            select(newest.c.call_ref)
            .join(call_facts, (facts.account_id == account_id) & (facts.call_ref == newest.c.call_ref))
            .where(~recorded)
            .group_by(newest.c.call_ref)
            .having(func.max(facts.started_at) >= since, func.max(facts.ended_at).is_(None))
        )

    def _days_left(self, query: Select[Any], now: datetime) -> DaysLeft:
        ends = query.subquery().c.ends_at
        left = type_coerce(ends, BigInteger) - literal_column(str(micros(now) + 1), BigInteger)
        days = case((ends.is_(None), None), (ends <= now, -1), else_=left // _DAY)
        rows = self._db.execute(
            select(days.label("days"), func.count().label("number")).group_by(text("days"))
        )
        return {row.days: row.number for row in rows}

    def _count(self, query: Select[Any]) -> int:
        rows = query.limit(LIMIT).subquery()
        return self._db.execute(select(func.count()).select_from(rows)).scalar_one()


def _newest(account_id: str, state: State, column: ColumnElement[Any]) -> Select[Any]:
    query = select(column).where(_R.account_id == account_id, _R.state == str(state), text(IS_SET_ASIDE))
    return query.order_by(_R.received_at.desc(), _R.id.desc()).limit(LIMIT)
