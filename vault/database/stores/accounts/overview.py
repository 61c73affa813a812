"""The numbers of an account's overview: each reads a bounded number of rows by an index, however large the archive."""

from collections import Counter
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

from vault.database.schema.accounts import IS_ERASED, IS_SET_ASIDE
from vault.database.schema.core import IS_HELD, IS_WORK, micros, recordings
from vault.database.schema.requests import person_requests
from vault.database.schema.retention import pending_erasures
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import WORK, State

#: Rows that one number reads at most; a count of so many means "or more".
LIMIT: Final = 1000
#: Recordings that are counted by day: the newest of an account. So many take a tenth of a second on SQLite.
MOST_BY_DAY: Final = 250_000
#: Refusals that are counted by reason: their rows lie far apart in a large archive, and each of them is read.
MOST_REFUSALS: Final = 200
#: Counts by full days that are left: 0 is less than a day, -1 is over, None has no end.
DaysLeft = Mapping[int | None, int]
#: In microseconds. Both sides are whole numbers, so that the database divides without a rest.
_DAY: Final = literal_column("86400000000", BigInteger)
_R = recordings.c
#: All states but available, with the condition of the index that has them.
_BY_INDEX: Final[tuple[tuple[tuple[State, ...], str], ...]] = (
    ((State.QUARANTINED, State.FAILED, State.REFUSED), IS_SET_ASIDE),
    (WORK, IS_WORK),
    ((State.ERASED,), IS_ERASED),
)


class OverviewRows(Rows):
    """Numbers of an account."""

    def counted_since(self, account_id: str, since: datetime) -> datetime:
        """Return since when recordings are counted by day: ``since``, or when the MOST_BY_DAY newest began to come."""
        mine = (_R.account_id == account_id) & (_R.received_at >= since)
        query = select(_R.received_at).where(mine).order_by(_R.received_at.desc(), _R.id.desc())
        return self._db.execute(query.offset(MOST_BY_DAY - 1).limit(1)).scalar() or since

    def by_day(self, account_id: str, since: datetime) -> Mapping[tuple[int, State], int]:
        """Count the recordings since then by their day (days since 1970 in UTC) and their state.

        From indexes alone: all of a day, and those in each state but available, which have indexes of their own.
        """
        mine = (_R.account_id == account_id) & (_R.received_at >= since)
        total = self._by_day(mine)
        by_state = dict[tuple[int, State], int]()
        for states, condition in _BY_INDEX:
            for state in states:
                counts = self._by_day(mine & (_R.state == str(state)) & text(condition))
                by_state |= {(on, state): count for on, count in counts.items()}
        others = Counter[int]()
        for (on, _), count in by_state.items():
            others[on] += count
        available = {(on, State.AVAILABLE): count - others[on] for on, count in total.items()}
        return by_state | {key: count for key, count in available.items() if count > 0}

    def _by_day(self, condition: ColumnElement[bool]) -> Mapping[int, int]:
        day = (type_coerce(_R.received_at, BigInteger) // _DAY).label("day")
        rows = self._db.execute(
            select(day, func.count().label("number")).where(condition).group_by(text("day"))
        )
        return {row.day: row.number for row in rows}

    def refusals(self, account_id: str, since: datetime) -> Mapping[str, int]:
        """Count the newest refused recordings since then by the code of their first reason."""
        newest = _newest(account_id, State.REFUSED, since, _R.reasons).limit(MOST_REFUSALS).subquery()
        code = newest.c.reasons[0]["code"].as_string()
        rows = self._db.execute(select(code, func.count()).group_by(code))
        return {code or "unknown": count for code, count in rows}

    def failed(self, account_id: str, since: datetime) -> int:
        """Count the newest failed recordings since then."""
        return self._count(_newest(account_id, State.FAILED, since, _R.id))

    def quarantined(self, account_id: str, now: datetime) -> DaysLeft:
        """Count the newest recordings in quarantine by the days until they are refused."""
        newest = _newest(account_id, State.QUARANTINED, None, _R.quarantined_until.label("ends_at"))
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


def _newest(account_id: str, state: State, since: datetime | None, column: ColumnElement[Any]) -> Select[Any]:
    query = select(column).where(_R.account_id == account_id, _R.state == str(state), text(IS_SET_ASIDE))
    if since is not None:
        query = query.where(_R.received_at >= since)
    return query.order_by(_R.received_at.desc(), _R.id.desc()).limit(LIMIT)
