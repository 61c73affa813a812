"""The attempts of the last 30 days at a destination, the newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, literal, select, tuple_

from vault.database.schema.outbox import outbox_attempts
from vault.database.stores.outbox.outcomes import NotedAttempt
from vault.database.stores.rows import Rows

#: Attempts that one page looks at, however few of them are wanted.
WINDOW: Final = 5_000
_A = outbox_attempts.c
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


def _bound(place: Sequence[Any]) -> ColumnElement[Any]:
    return tuple_(*(literal(value, column.type) for value, column in zip(place, _PLACE, strict=True)))


def _conditions(wanted: AttemptFilter) -> Sequence[ColumnElement[bool]]:
    asked = {_A.type: wanted.type, _A.outcome: wanted.outcome, _A.status: wanted.status}
    return [column == value for column, value in asked.items() if value is not None]
