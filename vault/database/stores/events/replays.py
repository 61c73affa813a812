"""Events of the last 30 days that are put into the outbox again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, func, select

from vault.database.schema.events import outward_events
from vault.database.schema.outbox import outbox_attempts
from vault.database.stores.events.polls import message_of_event
from vault.database.stores.outbox.messages import OutboxRows
from vault.database.stores.rows import Rows

_A, _O = outbox_attempts.c, outward_events.c


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRange:
    """Events with the numbers ``after`` < number <= ``until``, of the time [``since``, ``before``)."""

    after: int
    until: int
    since: datetime | None = None
    before: datetime | None = None


class EventReplayRows(Rows):
    """Replays in one transaction."""

    def by_id(self, account_id: str, event_id: str) -> RowMapping | None:
        """Return an event."""
        mine = (_O.account_id == account_id) & (_O.id == event_id)
        return self._db.execute(select(outward_events).where(mine)).mappings().first()

    def page(self, account_id: str, part: ReplayRange, *, after: int, limit: int) -> Sequence[RowMapping]:
        """Return events of a range after a number, in their order."""
        mine = (_O.account_id == account_id) & (_O.sequence > after) & (_O.sequence <= part.until)
        if part.since is not None:
            mine &= _O.at >= part.since
        if part.before is not None:
            mine &= _O.at < part.before
        query = select(outward_events).where(mine).order_by(_O.sequence).limit(limit)
        return self._db.execute(query).mappings().all()

    def put(self, destination: str, events: Sequence[RowMapping], now: datetime) -> int:
        """Put events into the outbox, due now; return how many did not wait there already.

        Their attempts are numbered on from those that are noted.
        """
        if not events:
            return 0
        mine = (_A.destination == destination) & _A.id.in_([one["id"] for one in events])
        query = select(_A.id, func.max(_A.number)).where(mine).group_by(_A.id)
        made: dict[str, int] = {row[0]: row[1] for row in self._db.execute(query)}
        messages = [
            message_of_event(one, destination=destination, attempts_before=made.get(one["id"]))
            for one in events
        ]
        return OutboxRows(self._db).put(*messages, due_at=now)
