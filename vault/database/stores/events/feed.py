"""The events that the log's entries cause: numbered for each account, and how far the log was read.

Nothing is written beside the cause but its entry of the log, so an account without an endpoint, whose systems do not
ask for events either, costs nothing, and no cause waits for another one's number.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import BigInteger, bindparam, case, delete, func, null, or_, select, union_all, update
from sqlalchemy.sql.dml import ReturningInsert

from vault.database.schema.access_log import tree_head
from vault.database.schema.core import access_events
from vault.database.schema.events import (
    event_endpoints,
    event_polls,
    event_sequences,
    events_published,
    outward_events,
)
from vault.database.sql.dialect import insert_into, insert_new, is_postgresql
from vault.database.stores.rows import Rows
from vault.domain.audit_log.access_event import AccessEvent, parse_event
from vault.domain.events.endpoint import wants

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE: Final = 1000
_A, _E, _O, _P = access_events.c, event_endpoints.c, outward_events.c, events_published.c
_POLLS: Final = event_polls.c
#: Who receives events: endpoints, and accounts whose systems ask for them.
_SUBSCRIPTIONS: Final = union_all(
    select(_E.id.label("endpoint_id"), _E.account_id, _E.types, _E.from_index),
    select(null(), _POLLS.account_id, null(), _POLLS.from_index),
).subquery()
_S: Final = _SUBSCRIPTIONS.c
_SIZE: Final = select(tree_head.c.size).scalar_subquery()
_BEHIND: Final = _P.through < _SIZE
#: Asked each second: what costs more than a look is read only where the log was not read to its end.
_STATE: Final = select(
    _SIZE.label("size"),
    _P.through,
    _BEHIND.label("is_behind"),
    case((_BEHIND, select(func.min(_S.from_index)).scalar_subquery())).label("first"),
    case((_BEHIND, select(_E.id).where(_E.from_index.is_(None)).exists())).label("is_new"),
    select(_S.account_id).exists().label("is_wanted"),
)
# Built once: to build them for each lone event took as long as to run them.
_LOG: Final = (
    select(_A.tree_index, _A.body)
    .where(
        _A.tree_index >= bindparam("start", type_=BigInteger),
        _A.tree_index < bindparam("end", type_=BigInteger),
        or_(
            select(_E.id).where(_E.account_id == _A.account_id).exists(),
            select(_POLLS.account_id).where(_POLLS.account_id == _A.account_id).exists(),
        ),
    )
    .order_by(_A.tree_index)
)
_OF_ACCOUNTS: Final = (
    select(*_S).where(_S.account_id.in_(bindparam("accounts", expanding=True))).order_by(_S.endpoint_id)
)
#: Only whoever has seen where the log was read to reads on.
_TAKE: Final = (
    update(events_published)
    .where(_P.through == bindparam("seen", type_=BigInteger))
    .values(through=bindparam("end", type_=BigInteger))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What of the log was not read, as seen before it is read: it only grows."""

    #: The size of the log, and up to which entry it was read.
    size: int
    through: int
    #: Where the first of those who receive events begins; None: nobody knows yet.
    first: int | None
    #: Whether an endpoint does not know yet where it begins.
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What an endpoint receives: events of its types, from an entry of the log on; or that an account asks for them."""

    #: None: systems of the account ask, and nothing is sent.
    endpoint_id: str | None
    account_id: str
    types: tuple[str, ...]
    from_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEvent:
    """An event with its number in its account."""

    sequence: int
    event: AccessEvent
    data: Mapping[str, str]


class EventFeedRows(Rows):
    """The events of one transaction."""

    def unread(self) -> Unread | None:
        """Return what was not read; None if it is nothing, or nobody receives events."""
        return self.state()[0]

    def state(self) -> tuple[Unread | None, bool]:
        """Return what was not read, as ``unread`` does, and whether anybody receives events."""
        row = self._db.execute(_STATE).one()
        if not (row.is_wanted and row.is_behind):
            return None, bool(row.is_wanted)
        unread = Unread(size=row.size, through=row.through, first=row.first, is_new=bool(row.is_new))
        return unread, True

    def take(self, unread: Unread, *, most: int) -> tuple[int, int] | None:
        """Return which entries [start, end) to read, at ``most`` so many; None if somebody else has read on.

        Until the end of the transaction nobody else does. Endpoints that a restore has brought begin at the size. What
        no endpoint wants yet is passed over: one that was made meanwhile begins behind it.
        """
        size = unread.size
        first = size if unread.first is None else min(unread.first, size)
        start = max(unread.through, first)
        end = max(start, min(size, start + most))
        if not self._db.execute(_TAKE, {"seen": unread.through, "end": end}).rowcount:
            return None
        if unread.is_new:
            new = update(event_endpoints).where(_E.from_index.is_(None))
            self._db.execute(new.values(from_index=size))
        return start, end

    def read_log(self, start: int, end: int) -> Sequence[tuple[int, AccessEvent]]:
        """Return the entries [start, end) of accounts that receive events, with their indexes."""
        return [
            (row.tree_index, parse_event(row.body))
            for row in self._db.execute(_LOG, {"start": start, "end": end})
        ]

    def subscriptions(self, account_ids: Sequence[str]) -> Sequence[Subscription]:
        """Return what these accounts receive."""
        rows = self._db.execute(_OF_ACCOUNTS, {"accounts": list(account_ids)}).mappings()
        return [Subscription(**{**row, "types": tuple(row["types"] or ())}) for row in rows]

    def accounts_with(self, name: str) -> Sequence[str]:
        """Return the accounts that receive events of this type, by an endpoint or because they ask for them."""
        rows = self._db.execute(select(_S.account_id, _S.endpoint_id, _S.types))
        return sorted({row.account_id for row in rows if row.endpoint_id is None or wants(row.types, name)})

    def take_numbers(self, account_id: str, number: int, *, first: int) -> int:
        """Take as many numbers of an account; return the one before them, which is ``first`` if it had none."""
        statement = _take_numbers(on_postgresql=is_postgresql(self._db))
        values = {"account": account_id, "first_last": first + number, "number": number}
        last: int = self._db.execute(statement, values).scalar_one()
        return last - number

    def add(self, account_id: str, events: Sequence[NumberedEvent]) -> None:
        """Add events of an account."""
        rows = [
            {
                "account_id": account_id, "sequence": one.sequence, "id": one.event.id, "type": one.event.type,
                "at": one.event.at, "recording_id": one.event.recording_id,
                "content": json.dumps(dict(one.data), sort_keys=True),
            }
            for one in events
        ]  # fmt: skip
        insert_new(self._db, outward_events, *rows)

    def forget(self, before: datetime) -> bool:
        """Delete a batch of events older than ``before``; False if there are none."""
        old = select(_O.account_id, _O.sequence).where(_O.at < before).limit(_BATCH_SIZE).subquery()
        mine = (_O.account_id == old.c.account_id) & (_O.sequence == old.c.sequence)
        exists = select(old.c.sequence).where(mine).exists()
        return bool(self._db.execute(delete(outward_events).where(exists)).rowcount)


@cache
def _take_numbers(*, on_postgresql: bool) -> ReturningInsert[*tuple[int]]:
    put = insert_into(event_sequences, on_postgresql=on_postgresql).values(
        account_id=bindparam("account"), last=bindparam("first_last", type_=BigInteger)
    )
    more = {"last": event_sequences.c.last + bindparam("number", type_=BigInteger)}
    taken = put.on_conflict_do_update(index_elements=["account_id"], set_=more)
    return taken.returning(event_sequences.c.last)
