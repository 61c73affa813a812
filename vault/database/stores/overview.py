"""The numbers of an account's overview: each reads a bounded number of rows by an index, however large the archive."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, func, select, text, type_coerce
from sqlalchemy import Connection as DbConnection

from vault.database.schema.console import IS_SET_ASIDE
from vault.database.schema.core import IS_HELD, recordings
from vault.database.schema.requests import person_requests
from vault.database.schema.retention import pending_erasures
from vault.domain.recordings.recording import WORK, State

#: Rows that one number reads at most; a count of so many means "or more".
LIMIT: Final = 1000
_DAY: Final = 86_400_000_000
_R = recordings.c


class OverviewRows:
    """Numbers of an account."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def by_day(self, account_id: str, since: datetime) -> Mapping[tuple[int, State], int]:
        """Count the newest recordings since then by their day (days since 1970 in UTC) and their state."""
        day = (type_coerce(_R.received_at, BigInteger) / text(str(_DAY))).label("day")
        newest = (
            select(day, _R.state)
            .where(_R.account_id == account_id, _R.received_at >= since)
            .order_by(_R.received_at.desc(), _R.id.desc())
            .limit(LIMIT)
            .subquery()
        )
        query = select(newest.c.day, newest.c.state, func.count()).group_by(newest.c.day, newest.c.state)
        found: dict[tuple[int, State], int] = {}
        for on, state, count in self._db.execute(query):
            key = (int(on), State(state))
            found[key] = found.get(key, 0) + count
        return found

    def refusals(self, account_id: str, since: datetime) -> Sequence[Any]:
        """Return the reasons of the newest refused recordings since then, as the column has them."""
        return self._newest(_R.reasons, account_id, State.REFUSED, since)

    def failed(self, account_id: str, since: datetime) -> int:
        """Count the newest failed recordings since then."""
        return len(self._newest(_R.id, account_id, State.FAILED, since))

    def quarantined(self, account_id: str) -> Sequence[datetime | None]:
        """Return until when the newest recordings in quarantine wait."""
        return self._newest(_R.quarantined_until, account_id, State.QUARANTINED, None)

    def held(self, account_id: str) -> int:
        """Count recordings that a sweep found held."""
        return self._count(select(_R.id).where(_R.account_id == account_id, text(IS_HELD)))

    def erasures_waiting(self, account_id: str) -> int:
        """Count erasures that a person asked for and that something stops."""
        p = pending_erasures.c
        return self._count(select(p.recording_id).where(p.account_id == account_id))

    def queued(self, account_id: str) -> int:
        """Count recordings that wait for the worker."""
        return self._count(select(_R.id).where(_R.account_id == account_id, _R.state.in_([*map(str, WORK)])))

    def requests_due(self, account_id: str) -> Sequence[datetime | None]:
        """Return when the open requests of people are due, the earliest first."""
        p = person_requests.c
        query = select(p.due_at).where(p.account_id == account_id, p.closed_at.is_(None))
        return list(self._db.execute(query.order_by(p.due_at).limit(LIMIT)).scalars())

    def _newest(
        self, column: ColumnElement[Any], account_id: str, state: State, since: datetime | None
    ) -> Sequence[Any]:
        query = select(column).where(_R.account_id == account_id, _R.state == str(state), text(IS_SET_ASIDE))
        if since is not None:
            query = query.where(_R.received_at >= since)
        query = query.order_by(_R.received_at.desc(), _R.id.desc()).limit(LIMIT)
        return list(self._db.execute(query).scalars())

    def _count(self, query: Select[Any]) -> int:
        rows = query.limit(LIMIT).subquery()
        return self._db.execute(select(func.count()).select_from(rows)).scalar_one()
