"""When something can be sent to a destination next, from its messages: one statement, built once."""

from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, case, func, null, or_, select, update

from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.sql.dialect import DatabaseNow
from vault.domain.outbox.health import FAILURES, PLACES, TEST_PLACES

_D, _M = outbox_destinations.c, outbox_messages.c
#: How many messages of a destination may be on their way.
PLACES_OF: Final = case((_D.is_ordered.is_(True), 1), (_D.failures >= FAILURES, TEST_PLACES), else_=PLACES)


def _of_destination(what: ColumnElement[Any], *where: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Select something of the messages of the destination that the statement around it changes."""
    query = select(what).select_from(outbox_messages).where(_M.destination == _D.destination, *where)
    return query.correlate(outbox_destinations).scalar_subquery()


_FIRST_DUE: Final = _of_destination(func.min(_M.due_at), _M.lease_until.is_(None))
_COUNT: Final = _of_destination(func.count(), _M.lease_until.is_not(None))
_LEASE_ENDS: Final = _of_destination(func.min(_M.lease_until), _M.lease_until.is_not(None))
_REST: Final = func.coalesce(_D.blocked_until, 0)
_DUE: Final = case((_FIRST_DUE < _REST, _REST), else_=_FIRST_DUE)
#: NULL if nothing waits, or the destination is switched off. Where every place is taken, it is the end of a lease.
#: It is the database that compares: of two rows one is NULL.
_NEXT_AT: Final = case(
    (_D.disabled_at.is_not(None), null()),
    (_COUNT >= PLACES_OF, _LEASE_ENDS),
    (or_(_LEASE_ENDS.is_(None), _DUE <= _LEASE_ENDS), _DUE),
    else_=_LEASE_ENDS,
)
_HERE: Final = update(outbox_destinations).where(_D.destination == bindparam("to"))
SCHEDULE: Final = _HERE.values(next_at=_NEXT_AT).returning(_D.next_at)
#: The same, and it was its turn now.
SERVED: Final = _HERE.values(next_at=_NEXT_AT, served_at=DatabaseNow()).returning(_D.next_at)
