"""The rows of an account that moves: read in chunks here, kept as chunks there, and put in place at once.

A digest of a table is the sum of the SHA-256 of its rows in one canonical form, so neither the order nor the database
changes it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import JSON, Column, LargeBinary, Table, and_, delete, func, insert, null, or_, select

from vault.database.schema.access_log import event_outbox
from vault.database.schema.account_keys import account_keys
from vault.database.schema.core import Moment, access_events, micros, moment
from vault.database.schema.events import event_endpoints, event_polls, events_published
from vault.database.schema.handover import handovers_read, integrations
from vault.database.schema.moves import arriving_rows
from vault.database.stores.moves.tables import ADDRESSES, CARRIED, Carried
from vault.database.stores.rows import Rows
from vault.domain.base64url import decode_base64url, encode_base64url

#: Rows of a chunk.
CHUNK_ROWS: Final = 500
T = TypeVar("T")
_MODULUS: Final = 2**256
_A: Final = arriving_rows.c


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDigest:
    """How many rows a table has of an account, and their digest in hexadecimal."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows of one table, each as canonical JSON."""

    table: str
    position: int
    rows: Sequence[bytes]


class MovingRows(Rows):
    """The rows of an account that moves, in one transaction of either vault."""

    def send(self, account_id: str, take: Callable[[Chunk], None]) -> None:
        """Pass all rows to ``take``, chunk by chunk, from one snapshot."""
        for carried in CARRIED:
            for position, rows in enumerate(_chunks(self._encoded(carried, account_id))):
                take(Chunk(table=carried.table.name, position=position, rows=rows))

    def are_as_kept(self, account_id: str, kept: Mapping[str, TableDigest]) -> bool:
        """Return whether the account's rows are those that the other vault keeps."""
        found = _digests((one.table.name, self._encoded(one, account_id)) for one in CARRIED)
        return found == kept

    def is_log_read(self, account_id: str) -> bool:
        """Return whether all entries of the account's log have had their effects on its rows.

        Who sends its events and hands over its calls reads the log some time after the entry.
        """
        waiting = select(event_outbox.c.id).where(event_outbox.c.account_id == account_id).exists()
        endpoint, poll = event_endpoints.c.account_id == account_id, event_polls.c.account_id == account_id
        is_told = select(event_endpoints.c.id).where(endpoint).exists()
        is_asking = select(event_polls.c.account_id).where(poll).exists()
        is_on = (integrations.c.account_id == account_id) & integrations.c.state.in_(("active", "paused"))
        hands_over = select(integrations.c.id).where(is_on).exists()
        published = select(events_published.c.through).scalar_subquery()
        handed_over = select(handovers_read.c.through).scalar_subquery()
        index = access_events.c.tree_index
        unread = or_(
            and_(or_(is_told, is_asking), index >= func.coalesce(published, 0)),
            and_(hands_over, index >= func.coalesce(handed_over, 0)),
        )
        entry = select(index).where(access_events.c.account_id == account_id, unread).exists()
        return not self._db.execute(select(or_(waiting, entry))).scalar_one()

    def remove(self, account_id: str) -> None:
        """Delete the account's rows."""
        for carried in CARRIED:
            if not carried.stays:
                self._db.execute(delete(carried.table).where(carried.of(account_id)))

    def keep(self, account_id: str, chunk: Chunk) -> None:
        """Keep a chunk until the account is here. One that is kept already is replaced."""
        here = (
            (_A.account_id == account_id) & (_A.table_name == chunk.table) & (_A.position == chunk.position)
        )
        self._db.execute(delete(arriving_rows).where(here))
        row = b"[" + b",".join(chunk.rows) + b"]"
        self._db.execute(
            insert(arriving_rows).values(
                account_id=account_id, table_name=chunk.table, position=chunk.position, row=row
            )
        )

    def forget_kept(self, account_id: str) -> None:
        """Delete what is kept of an account that does not come, or is here."""
        self._db.execute(delete(arriving_rows).where(_A.account_id == account_id))

    def kept_digests(self, account_id: str) -> Mapping[str, TableDigest]:
        """Return the digests of the rows that are kept."""
        return _digests(
            (one.table.name, (_written(row) for row in self._kept(account_id, one))) for one in CARRIED
        )

    def put_in_place(self, account_id: str, change: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        """Insert the rows that are kept, each as ``change`` returns it; the account is here then."""
        for carried in reversed(CARRIED):
            if carried.made_by_triggers:
                continue
            self._insert(account_id, carried, change)
        for carried in CARRIED:
            if carried.made_by_triggers:
                self._db.execute(delete(carried.table).where(carried.of(account_id)))
                self._insert(account_id, carried, change)
        self.forget_kept(account_id)

    def kept_keys(self, account_id: str) -> Mapping[int, bytes]:
        """Return the wrapped keys among the rows that are kept, by their versions."""
        (keys,) = [one for one in CARRIED if one.table is account_keys]
        rows = [_read(keys, row) for row in self._kept(account_id, keys)]
        return {row["version"]: row["wrapped_key"] for row in rows}

    def addresses(self, account_id: str) -> Iterator[str]:
        """Return what addresses of the account contain: ids, and of links the hash of the token."""
        for table, column in ADDRESSES:
            for value in self._db.execute(select(column).where(table.c.account_id == account_id)).scalars():
                yield value.hex() if isinstance(value, bytes) else value

    def _insert(
        self, account_id: str, carried: Carried, change: Callable[[str, dict[str, Any]], dict[str, Any]]
    ) -> None:
        for rows in _chunks(self._kept(account_id, carried)):
            values = [change(carried.table.name, _read(carried, row)) for row in rows]
            self._db.execute(insert(carried.table), values)

    def _encoded(self, carried: Carried, account_id: str) -> Iterator[bytes]:
        columns = [column for column in carried.table.c if column.name not in carried.but]
        order = list(carried.table.primary_key)
        query = select(*columns).where(carried.of(account_id)).order_by(*order)
        rows = self._db.execute(query.execution_options(yield_per=CHUNK_ROWS))
        for row in rows.mappings():
            yield _written({column.name: _plain(column, row[column.name]) for column in columns})

    def _kept(self, account_id: str, carried: Carried) -> Iterator[dict[str, Any]]:
        here = (_A.account_id == account_id) & (_A.table_name == carried.table.name)
        count = self._db.execute(select(func.count()).select_from(arriving_rows).where(here)).scalar_one()
        for position in range(count):
            query = select(_A.row).where(here, _A.position == position)
            yield from json.loads(self._db.execute(query).scalar_one())


def _chunks(items: Iterator[T]) -> Iterator[Sequence[T]]:
    while chunk := list(islice(items, CHUNK_ROWS)):
        yield chunk


def _digests(tables: Iterable[tuple[str, Iterable[bytes]]]) -> Mapping[str, TableDigest]:
    found = {}
    for name, rows in tables:
        count, total = 0, 0
        for row in rows:
            count += 1
            total = (total + int.from_bytes(hashlib.sha256(row).digest(), "big")) % _MODULUS
        if count:
            found[name] = TableDigest(rows=count, digest=f"{total:064x}")
    return found


def _written(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def _plain(column: Column[Any], value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, bytes):
        return encode_base64url(value)
    return micros(value) if isinstance(column.type, Moment) and value is not None else value


def _read(carried: Carried, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's values as the database takes them, with those that are others at this vault."""
    table: Table = carried.table
    values = {name: _value(table.c[name], value) for name, value in row.items()}
    return values | {name: value for name, value in carried.instead.items() if name in table.c}


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        # SQL's NULL: JSON columns would take None for the null of JSON.
        return null() if isinstance(column.type, JSON) else None
    if isinstance(column.type, LargeBinary):
        return decode_base64url(value)
    return moment(value) if isinstance(column.type, Moment) else value
