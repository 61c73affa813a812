"""When something can be sent to a destination next, from its messages: one statement, built once."""

from typing import Final

from sqlalchemy import bindparam, case, func, null, or_, select, update

from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.sql.dialect import DatabaseNow
from vault.domain.outbox.health import FAILURES, PLACES, TEST_PLACES

_D, _M = outbox_destinations.c, outbox_messages.c
#: How many messages of a destination may be on their way.
PLACES_OF: Final = case((_D.is_ordered.is_(True), 1), (_D.failures >= FAILURES, TEST_PLACES), else_=PLACES)
_MINE: Final = _M.destination == _D.destination
_FIRST_DUE: Final = select(func.min(_M.due_at)).where(_MINE, _M.lease_until.is_(None)).scalar_subquery()
_LEASED: Final = [_MINE, _M.lease_until.is_not(None)]
_COUNT: Final = select(func.count()).select_from(outbox_messages).where(*_LEASED).scalar_subquery()
_LEASE_ENDS: Final = select(func.min(_M.lease_until)).where(*_LEASED).scalar_subquery()
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
