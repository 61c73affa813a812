"""What the log says of recordings of accounts with integrations, and how far it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, bindparam, func, select, update

from vault.database.schema.access_log import tree_head
from vault.database.schema.core import access_events
from vault.database.schema.handover import handovers_read, integrations
from vault.database.stores.rows import Rows
from vault.domain.audit_log.access_event import AccessEvent, parse_event

_A, _I, _R = access_events.c, integrations.c, handovers_read.c
_IS_ON: Final = _I.state.in_(["active", "paused"])
_LOG: Final = (
    select(_A.tree_index, _A.body)
    .where(
        _A.tree_index >= bindparam("start", type_=BigInteger),
        _A.tree_index < bindparam("end", type_=BigInteger),
        select(_I.id).where(_I.account_id == _A.account_id, _IS_ON).exists(),
    )
    .order_by(_A.tree_index)
)
_SIZE: Final = select(tree_head.c.size).scalar_subquery()
_FIRST: Final = select(func.min(func.coalesce(_I.from_index, _SIZE))).where(_IS_ON).scalar_subquery()
_STATE: Final = select(_R.through, _SIZE.label("size"), _FIRST.label("first"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLog:
    """The entries [start, size) of the log, which were not looked at."""

    start: int
    size: int


class HandoverFeedRows(Rows):
    """How far the log was read for hand-overs, in one transaction."""

    def state(self) -> tuple[UnreadLog | None, bool]:
        """Return what of the log was not read, as seen before it is read, and whether anybody needs it."""
        row = self._db.execute(_STATE).one()
        if row.first is None or row.through >= row.size:
            return None, row.first is not None
        return UnreadLog(start=max(row.through, min(row.first, row.size)), size=row.size), True

    def begin(self, unread: UnreadLog) -> int:
        """Return from which entry on to read; until the end nobody else reads on.

        Integrations that a restore has brought begin where the log ends.
        """
        through: int = self._db.execute(select(_R.through).with_for_update()).scalar_one()
        new = update(integrations).where(_I.from_index.is_(None))
        self._db.execute(new.values(from_index=unread.size))
        return max(through, unread.start)

    def read_log(self, start: int, end: int) -> Sequence[tuple[int, AccessEvent]]:
        """Return the entries [start, end) of accounts with integrations, with their indexes."""
        rows = self._db.execute(_LOG, {"start": start, "end": end})
        return [(row.tree_index, parse_event(row.body)) for row in rows]

    def first_index(self, integration_id: str) -> int:
        """Return the entry of the log from which on an integration takes recordings."""
        query = select(_I.from_index).where(_I.id == integration_id)
        return int(self._db.execute(query).scalar_one_or_none() or 0)

    def end(self, through: int) -> None:
        """Note up to which entry the log was read."""
        self._db.execute(update(handovers_read).values(through=through))
