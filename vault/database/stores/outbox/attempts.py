"""The attempts of the last 30 days at a destination, the newest first, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Subquery,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from vault.database.schema.outbox import outbox_attempts, outbox_messages
from vault.database.stores.outbox.outcomes import NotedAttempt
from vault.database.stores.rows import Rows
from vault.domain.outbox.attempt import Outcome

#: Attempts that one page looks at, however few of them are wanted.
WINDOW: Final = 5_000
#: Attempts of a destination that are counted by hour.
MOST_BY_HOUR: Final = 2_000
#: In microseconds. Both sides are whole numbers, so that the database divides without a rest.
_HOUR: Final = literal_column("3600000000", BigInteger)
_A, _M = outbox_attempts.c, outbox_messages.c
_PLACE: Final = (_A.at, _A.id, _A.number)
_NOTED: Final = [_A[name] for name in NotedAttempt.__slots__]
#: Time, id and number of an attempt: what comes before it is on the next page.
Place = tuple[datetime, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Which attempts to show; None: any."""

    message_id: str | None = None
    type: str | None = None
    outcome: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedAttempts:
    """A page of attempts, the newest first."""

    attempts: Sequence[NotedAttempt]
    #: Where the next page begins; None: there is none.
    before: Place | None


class AttemptRows(Rows):
    """Attempts in one transaction."""

    def page(
        self, destination: str, wanted: AttemptFilter, *, before: Place | None, limit: int
    ) -> NotedAttempts:
        """Return attempts at a destination."""
        place = tuple_(*_PLACE)
        order = [column.desc() for column in _PLACE]
        mine = _A.destination == destination
        if wanted.message_id is not None:
            mine &= _A.id == wanted.message_id
        if before is not None:
            mine &= place < _bound(before)
        looked = select(*_PLACE).where(mine).order_by(*order)
        last = self._db.execute(looked.offset(WINDOW - 1).limit(1)).first()
        if last is not None:
            mine &= place >= _bound(last)
        query = select(*_NOTED).where(mine, *_conditions(wanted)).order_by(*order).limit(limit)
        found = [NotedAttempt(**row) for row in self._db.execute(query).mappings()]
        if len(found) == limit:
            return NotedAttempts(attempts=found, before=(found[-1].at, found[-1].id, found[-1].number))
        return NotedAttempts(attempts=found, before=None if last is None else tuple(last))

    def waiting(self, keys: Sequence[tuple[str, str]]) -> frozenset[str]:
        """Return the ids of those messages, by destination and id, that wait."""
        here = tuple_(_M.destination, _M.id).in_(keys)
        return frozenset(self._db.execute(select(_M.id).where(here)).scalars()) if keys else frozenset()

    def last(self, keys: Sequence[tuple[str, str]]) -> Mapping[str, NotedAttempt]:
        """Return the last attempt at each of those messages, by destination and id; one without any is missing."""
        if not keys:
            return {}
        here = tuple_(_A.destination, _A.id).in_(keys)
        rows = self._db.execute(select(*_NOTED).where(here).order_by(_A.id, _A.number)).mappings()
        return {row["id"]: NotedAttempt(**row) for row in rows}

    def by_hour(
        self, account_id: str, destinations: Sequence[str], since: datetime
    ) -> Mapping[tuple[str, int, bool], int]:
        """Count the attempts since then: by destination, hour (since 1970 in UTC), and whether they were accepted.

        Of each destination the newest MOST_BY_HOUR.
        """
        parts = [self._newest(account_id, one, since) for one in destinations]
        if not parts:
            return {}
        found = union_all(*(select(*part.c) for part in parts)).subquery()
        query = select(*found.c, func.count()).group_by(*found.c)
        return {(row[0], row[1], bool(row[2])): row[3] for row in self._db.execute(query)}

    @staticmethod
    def _newest(account_id: str, destination: str, since: datetime) -> Subquery:
        hour = (type_coerce(_A.at, BigInteger) // _HOUR).label("hour")
        is_accepted = (_A.outcome == Outcome.ACCEPTED.value).label("is_accepted")
        mine = (_A.destination == destination) & (_A.account_id == account_id) & (_A.at >= since)
        query = select(_A.destination, hour, is_accepted).where(mine)
        return query.order_by(_A.at.desc()).limit(MOST_BY_HOUR).subquery()


def _bound(place: Sequence[Any]) -> ColumnElement[Any]:
    return tuple_(*(literal(value, column.type) for value, column in zip(place, _PLACE, strict=True)))


def _conditions(wanted: AttemptFilter) -> Sequence[ColumnElement[bool]]:
    asked = {_A.type: wanted.type, _A.outcome: wanted.outcome, _A.status: wanted.status}
    return [column == value for column, value in asked.items() if value is not None]
