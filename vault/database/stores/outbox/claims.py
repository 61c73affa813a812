"""Claims of messages: fair over accounts and destinations, under leases by the database's time.

A destination has a row with the time at which something can be sent there next. A claim reads those that are due, so a
hundred thousand messages to a host that is down cost it nothing. Whoever changes a message of a destination holds its
row, which is locked before the messages.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Update, and_, case, func, null, or_, select, text, update

from vault.database.schema.core import EPOCH
from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.signals import Work, wake, wake_at
from vault.database.sql.dialect import insert_for, sql_now
from vault.database.sql.lease_tokens import new_token
from vault.database.stores.outbox.messages import MESSAGE_COLUMNS, message_of
from vault.database.stores.rows import Rows
from vault.domain.outbox.health import FAILURES, PLACES, TEST_PLACES
from vault.domain.outbox.message import ClaimedMessage

#: Destinations with new messages that one claim takes notice of.
_NEW: Final = 200
_D, _M = outbox_destinations.c, outbox_messages.c
#: As text: SQLite does not use the partial index for a comparison with 1.
_IS_NEW: Final = text("is_new")
NEW_MESSAGES: Final = (
    select(_M.destination, _M.account_id).where(_IS_NEW).distinct().order_by(_M.destination).limit(_NEW)
)
_PLACES: Final = case((_D.failures >= FAILURES, TEST_PLACES), else_=PLACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a worker wants: ``number`` messages at most."""

    number: int
    lease: timedelta
    #: No message of these accounts.
    but: Collection[str] = ()
    #: Only where the last attempt was not a failure.
    only_healthy: bool = False


class OutboxClaims(Rows):
    """Claims in one transaction."""

    def claim(self, wanted: Claim) -> Sequence[ClaimedMessage]:
        """Claim messages that are due, of the accounts and destinations in turn; their attempts are counted."""
        self._take_notice()
        claimed: list[ClaimedMessage] = []
        for row in self._destinations(wanted):
            if row.expired:
                self._release_expired(row.destination)
            number = min(row.places - row.live, wanted.number - len(claimed))
            if number > 0:
                claimed += self._lease(row, number, wanted.lease)
            self.schedule(row.destination, served=number > 0)
        return claimed

    def schedule(self, destination: str, *, served: bool = False) -> None:
        """Write when something can be sent to a destination next, and wake whoever sends it then.

        The caller holds the row, or has changed a message under its lease.
        """
        next_at = case((_D.disabled_at.is_not(None), null()), else_=_next_at())
        values: dict[str, Any] = {"next_at": next_at}
        if served:
            values["served_at"] = sql_now(self._db)
        changed = update(outbox_destinations).where(_D.destination == destination).values(values)
        at = self._db.execute(changed.returning(_D.next_at)).scalar()
        if at is not None:
            wake_at(self._db, Work.OUTBOX, at)

    def _take_notice(self) -> None:
        """Let the rows of destinations know of new messages; in their order, so two nodes do not block each other."""
        found = self._db.execute(NEW_MESSAGES).all()
        if not found:
            return
        for destination, account_id in found:
            values = {
                "destination": destination, "account_id": account_id, "served_at": EPOCH, "failures": 0, "warned": 0,
            }  # fmt: skip
            put = insert_for(self._db, outbox_destinations).values(values)
            kept = put.on_conflict_do_update(
                index_elements=["destination"], set_={"account_id": put.excluded.account_id}
            )
            is_disabled = self._db.execute(kept.returning(_D.disabled_at)).scalar() is not None
            mine = and_(_M.destination == destination, _IS_NEW)
            if is_disabled:
                self._db.execute(outbox_messages.delete().where(mine))
                continue
            self._db.execute(update(outbox_messages).where(mine).values(is_new=False))
            self.schedule(destination)
        if len(found) == _NEW:
            wake(self._db, Work.OUTBOX)

    def _destinations(self, wanted: Claim) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return destinations that are due, locked: of each account in turn, the healthy ones first."""
        now = sql_now(self._db)
        due = _D.next_at <= now
        if wanted.but:
            due = and_(due, _D.account_id.not_in(wanted.but))
        if wanted.only_healthy:
            due = and_(due, _D.failures == 0)
        place = func.row_number().over(partition_by=_D.account_id, order_by=_D.served_at).label("place")
        ranked = select(_D.destination, _D.served_at, _D.failures, place).where(due).subquery()
        order = [case((ranked.c.failures > 0, 1), else_=0), ranked.c.place, ranked.c.served_at]
        turn = func.row_number().over(order_by=order).label("turn")
        first = select(ranked.c.destination, turn).order_by(turn).limit(wanted.number).subquery()
        leased = [_M.destination == _D.destination, _M.lease_until.is_not(None)]
        live, expired = (
            select(func.count()).select_from(outbox_messages).where(*leased, when).scalar_subquery()
            for when in (_M.lease_until > now, _M.lease_until <= now)
        )
        query = (
            select(
                _D.destination,
                _D.failures,
                _PLACES.label("places"),
                live.label("live"),
                expired.label("expired"),
            )
            .join(first, first.c.destination == _D.destination)
            .order_by(first.c.turn)
            .with_for_update(of=outbox_destinations, skip_locked=True)
        )
        return self._db.execute(query).all()

    def _release_expired(self, destination: str) -> None:
        """Give back what a worker had that is gone; it was counted, and may have been sent."""
        expired = and_(
            _M.destination == destination, _M.lease_until.is_not(None), _M.lease_until <= sql_now(self._db)
        )
        self._db.execute(_released().where(expired))

    def _lease(self, row: Row[*tuple[Any, ...]], number: int, lease: timedelta) -> Sequence[ClaimedMessage]:
        free = and_(_M.destination == row.destination, _M.lease_until.is_(None))
        due = select(_M.id).where(free, _M.due_at <= sql_now(self._db)).order_by(_M.due_at, _M.id)
        taken = update(outbox_messages).where(free, _M.id.in_(due.limit(number)))
        token = new_token(self._db)
        values = {"lease_token": token, "lease_until": sql_now(self._db, lease), "attempts": _M.attempts + 1}
        rows = self._db.execute(taken.values(values).returning(*MESSAGE_COLUMNS)).mappings()
        is_failing = row.failures > 0
        return [ClaimedMessage(message=message_of(one), token=token, is_failing=is_failing) for one in rows]


def _next_at() -> ColumnElement[datetime]:
    """Select when something can be sent to a destination next, from its messages; NULL if nothing waits.

    Where every place is taken, that is the end of a lease. It is the database that compares: of two rows one is NULL.
    """
    mine = _M.destination == _D.destination
    leased = and_(mine, _M.lease_until.is_not(None))
    count = select(func.count()).select_from(outbox_messages).where(leased).scalar_subquery()
    lease_ends = select(func.min(_M.lease_until)).where(leased).scalar_subquery()
    free = and_(mine, _M.lease_until.is_(None))
    first = select(func.min(_M.due_at)).where(free).scalar_subquery()
    rest = func.coalesce(_D.blocked_until, 0)
    due = case((first < rest, rest), else_=first)
    return case(
        (count >= _PLACES, lease_ends),
        (or_(lease_ends.is_(None), due <= lease_ends), due),
        else_=lease_ends,
    )


def _released() -> Update:
    return update(outbox_messages).values(lease_token=None, lease_until=None)
