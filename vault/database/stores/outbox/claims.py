"""Claims of messages: fair over accounts and destinations, under leases by the database's time.

A destination has a row with the time at which something can be sent there next. A claim reads those that are due, so a
hundred thousand messages to a host that is down cost it nothing. Whoever changes a message of a destination holds its
row, which is locked before the messages.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from vault.database.schema.core import MICROSECOND
from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.signals import Work, wake, wake_at
from vault.database.sql.destinations import TAKEN_DOWN
from vault.database.sql.dialect import DatabaseNow, insert_into, is_postgresql, later
from vault.database.sql.lease_tokens import new_token
from vault.database.stores.outbox.messages import MESSAGE_COLUMNS, message_of
from vault.database.stores.outbox.next_time import PLACES_OF, SCHEDULE, SERVED
from vault.database.stores.rows import Rows
from vault.domain.outbox.message import Turn

#: Destinations with new messages that one claim takes notice of.
_NEW: Final = 200
#: New messages of a destination that one claim takes notice of: a statement about very many would time out each time.
NOTICED: Final = 2_000
#: Messages of a destination in one turn, unless its receiver fails or is slow.
TURN: Final = 16
#: Messages of one claim: each may be read about, and is logged, in its transaction.
_OF_CLAIM: Final = 64
_D, _M = outbox_destinations.c, outbox_messages.c
#: As text: SQLite does not use the partial index for a comparison with 1.
_IS_NEW: Final = text("is_new")
#: Destinations of new messages, with the first columns of their rows.
NEW_MESSAGES: Final = (
    select(
        _M.destination,
        _M.account_id,
        literal(0, BigInteger).label("served_at"),
        literal(0, Integer).label("failures"),
        literal(0, Integer).label("warned"),
        literal(0, BigInteger).label("next_at"),
    )
    .where(_IS_NEW)
    .distinct()
    .order_by(_M.destination)
    .limit(_NEW)
)
_MINE: Final = _M.destination == bindparam("to")
_SOME_NEW: Final = _M.id.in_(select(_M.id).where(_MINE, _IS_NEW).limit(NOTICED))
_DROP_NEW: Final = outbox_messages.delete().where(_MINE, _SOME_NEW)
_NOTICED: Final = update(outbox_messages).where(_MINE, _SOME_NEW).values(is_new=False)
_EXPIRED: Final = and_(_MINE, _M.lease_until.is_not(None), _M.lease_until <= DatabaseNow())
_RELEASE: Final = update(outbox_messages).where(_EXPIRED).values(lease_token=None, lease_until=None)
_FREE: Final = and_(_MINE, _M.lease_until.is_(None))
_DUE: Final = select(_M.id).where(_FREE, _M.due_at <= DatabaseNow()).order_by(_M.due_at, _M.id)
#: An ordered destination waits as a whole, so the time of each message does not count.
_FIRST: Final = select(_M.id).where(_FREE, _M.sequence.is_not(None)).order_by(_M.sequence)
_LEASE_DUE, _LEASE_FIRST = (
    update(outbox_messages)
    .where(_FREE, _M.id.in_(which.limit(bindparam("number", type_=BigInteger))))
    .values(lease_token=bindparam("token"), lease_until=later("lease"), attempts=_M.attempts + 1)
    .returning(*MESSAGE_COLUMNS)
    for which in (_DUE, _FIRST)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a worker wants: messages for ``places`` at most that are on their way at the same time."""

    places: int
    lease: timedelta
    #: No message of these accounts.
    but: Collection[str] = ()
    #: Only where the last attempt was not a failure, and not to those that linger.
    only_quick: bool = False
    lingering: Collection[str] = ()
    #: Destinations that take long for a message: what waits in the worker would wait too long.
    slow: Collection[str] = ()


class OutboxClaims(Rows):
    """Claims in one transaction."""

    def claim(self, wanted: Claim) -> Sequence[Turn]:
        """Claim messages that are due, of the accounts and destinations in turn; their attempts are counted."""
        noticed = self._take_notice()
        turns: list[Turn] = []
        places, messages = wanted.places, _OF_CLAIM
        rows = self._destinations(wanted)
        for destination in sorted({*noticed} - {row.destination for row in rows}):
            self.schedule(destination)
        if len(rows) == wanted.places:
            # There may be more.
            wake(self._db, Work.OUTBOX)
        for row in rows:
            if row.expired:
                self._db.execute(_RELEASE, {"to": row.destination})
            free = min(_free_places(row), places)
            turn = None
            if free > 0 and messages > 0:
                is_slow = row.failures > 0 or row.destination in wanted.slow
                number = min(messages, free if is_slow else TURN)
                turn = self._lease(row, number, free, wanted.lease)
            if turn is not None:
                turns.append(turn)
                places -= turn.places
                messages -= len(turn.messages)
            self.schedule(row.destination, served=turn is not None)
        return turns

    def schedule(self, destination: str, *, served: bool = False) -> None:
        """Write when something can be sent to a destination next, and wake whoever sends it then.

        The caller holds the row, or has changed a message under its lease.
        """
        at = self._db.execute(SERVED if served else SCHEDULE, {"to": destination}).scalar()
        if at is not None:
            wake_at(self._db, Work.OUTBOX, at)

    def _take_notice(self) -> Collection[str]:
        """Let the rows of destinations know of new messages; in their order, so two nodes do not block each other.

        Return the destinations. Until the claim has looked at one, or scheduled it, it seems due, unless it rests.
        """
        found = self._db.execute(_notice(on_postgresql=is_postgresql(self._db))).all()
        for destination, disabled_at in found:
            drop_or_keep = _NOTICED if disabled_at is None else _DROP_NEW
            if self._db.execute(drop_or_keep, {"to": destination}).rowcount == NOTICED:
                wake(self._db, Work.OUTBOX)
        if len(found) == _NEW:
            wake(self._db, Work.OUTBOX)
        return {destination for destination, disabled_at in found if disabled_at is None}

    def _destinations(self, wanted: Claim) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return destinations that are due, locked: of each account in turn, the healthy ones first."""
        lingering = list(wanted.lingering) if wanted.only_quick else []
        query = _due_destinations(
            but=bool(wanted.but), only_quick=wanted.only_quick, some_linger=bool(lingering)
        )
        values: dict[str, Any] = {"number": wanted.places}
        if wanted.but:
            values["but"] = list(wanted.but)
        if lingering:
            values["lingering"] = lingering
        return self._db.execute(query, values).all()

    def _lease(self, row: Row[*tuple[Any, ...]], number: int, places: int, lease: timedelta) -> Turn | None:
        token = new_token(self._db)
        values = {"to": row.destination, "number": number, "token": token, "lease": lease // MICROSECOND}
        rows = self._db.execute(_LEASE_FIRST if row.is_ordered else _LEASE_DUE, values).mappings()
        messages = sorted((message_of(one) for one in rows), key=lambda one: (one.sequence or 0, one.at))
        if not messages:
            return None
        return Turn(
            destination=row.destination,
            account_id=row.account_id,
            token=token,
            at=row.now,
            messages=messages,
            places=min(places, len(messages)),
            is_failing=row.failures > 0,
            is_ordered=bool(row.is_ordered),
        )


def _free_places(row: Row[*tuple[Any, ...]]) -> int:
    """Return how many messages may be on their way beside those that are leased, some of which may wait for others."""
    if row.is_ordered:
        return 0 if row.live else 1
    free: int = max(0, row.places - row.live)
    return free


@cache
def _notice(*, on_postgresql: bool) -> ReturningInsert[*tuple[Any, ...]]:
    """Return what locks the rows of destinations of new messages, and makes those that are missing."""
    put = insert_into(outbox_destinations, on_postgresql=on_postgresql).from_select(
        NEW_MESSAGES.selected_columns.keys(), NEW_MESSAGES
    )
    is_down = _D.account_id == TAKEN_DOWN
    values = {
        "account_id": case((is_down, TAKEN_DOWN), else_=put.excluded.account_id),
        "next_at": case(
            (_D.disabled_at.is_not(None), null()),
            (_D.blocked_until > DatabaseNow(), _D.blocked_until),
            else_=literal(0, BigInteger),
        ),
    }
    taken = put.on_conflict_do_update(index_elements=["destination"], set_=values)
    return taken.returning(_D.destination, _D.disabled_at)


@cache
def _due_destinations(*, but: bool, only_quick: bool, some_linger: bool) -> Select[*tuple[Any, ...]]:
    due = [_D.next_at <= DatabaseNow()]
    if but:
        due.append(_D.account_id.not_in(bindparam("but", expanding=True)))
    if only_quick:
        due.append(_D.failures == 0)
    if some_linger:
        due.append(_D.destination.not_in(bindparam("lingering", expanding=True)))
    place = func.row_number().over(partition_by=_D.account_id, order_by=_D.served_at).label("place")
    ranked = select(_D.destination, _D.served_at, _D.failures, place).where(*due).subquery()
    order = [case((ranked.c.failures > 0, 1), else_=0), ranked.c.place, ranked.c.served_at]
    turn = func.row_number().over(order_by=order).label("turn")
    number = bindparam("number", type_=BigInteger)
    first = select(ranked.c.destination, turn).order_by(turn).limit(number).subquery()
    leased = [_M.destination == _D.destination, _M.lease_until.is_not(None)]
    live, expired = (
        select(func.count()).select_from(outbox_messages).where(*leased, when).scalar_subquery()
        for when in (_M.lease_until > DatabaseNow(), _M.lease_until <= DatabaseNow())
    )
    columns = [
        _D.destination, _D.account_id, _D.failures, _D.is_ordered, PLACES_OF.label("places"),
        DatabaseNow().label("now"),
    ]  # fmt: skip
    return (
        select(*columns, live.label("live"), expired.label("expired"))
        .join(first, first.c.destination == _D.destination)
        .order_by(first.c.turn)
        .with_for_update(of=outbox_destinations, skip_locked=True)
    )
