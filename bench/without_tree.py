"""The access log without its tree, so that the tree's own cost can be seen.

Each of these is worth nothing outside of the benchmark: events are durable, but nothing proves them yet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from bench.variants import Behind
from vault.database.engines.micro_batch import MicroBatch
from vault.database.engines.postgresql import _MAX_OPENS, PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.database.log_tree.sequencer_postgresql import _PLACE, _WAITING, BATCH_SIZE
from vault.database.log_tree.sequencer_sqlite import SqliteSequencer
from vault.database.stores.hot.open_sessions import _LOCK, _STATE, NewSession, _Group, open_one
from vault.database.transaction import Transaction
from vault.domain.ids import Token
from vault.domain.playback.link import Session
from vault.errors import VaultError
from vault.services.playback.open_links import OpenedLink
from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES

T = TypeVar("T")
_NEXT = "SELECT coalesce(max(tree_index) + 1, 0) FROM access_events"
_FILL = """
INSERT INTO event_outbox (position, id, account_id, recording_id, body)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bytea[])
"""


class _LateTree:
    """Stands before the sequencer of SQLite's writer; a group that says so commits without it."""

    def __init__(self, sequencer: SqliteSequencer) -> None:
        self._sequencer = sequencer
        self.left_out = False

    def sequence(self) -> None:
        if not self.left_out:
            self._sequencer.sequence()

    def committed(self) -> None:
        if not self.left_out:
            self._sequencer.committed()
        self.left_out = False

    def rolled_back(self) -> None:
        self.left_out = False
        self._sequencer.rolled_back()


class _Unsettled:
    """A transaction that does not wait for the tree."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.tree = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def settle(self) -> None:
        return


class TreeLater(Behind):
    """Commits what is written with its events, and leaves the tree as it is until it is told to catch up."""

    def __init__(self, database: SqliteDatabase | PostgresqlDatabase, *, grows: bool = False) -> None:
        """Stand before ``database``; what is written past this one brings in what waits, as always.

        With ``grows`` the tree of SQLite grows as always too, and what remains is to stand before it.
        """
        super().__init__(database)
        self._grows = grows
        self._late: Any = None
        self._opens: MicroBatch[NewSession, Session | None] = MicroBatch(
            self._open_group, writers=1, largest=_MAX_OPENS
        )
        if isinstance(database, SqliteDatabase):
            writer = database._writer  # noqa: SLF001 - the benchmark puts something in between
            self._late = writer._sequencer = _LateTree(writer._sequencer)  # type: ignore[assignment,arg-type]  # noqa: SLF001

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Commit without the tree."""

        def leave_out(tx: Any) -> T:
            if self._late is not None:
                self._late.left_out = not self._grows
            unsettled: Any = _Unsettled(tx)
            return function(unsettled)

        return await self.database.write(leave_out, urgent=urgent)

    async def open_session(self, new: NewSession) -> Session | None:
        """Open as the database does, one open or group of opens in a transaction, and without the tree."""
        if self._late is not None:
            return await self.write(lambda tx: open_one(tx.connection, new))
        return await self._opens.add(new)

    async def _open_group(self, batch: Sequence[NewSession]) -> Sequence[Session | VaultError | None]:
        return await self.database.write(lambda tx: _open_unsettled(tx.connection, batch))

    async def catch_up(self) -> None:
        """Bring in what waits."""
        if self._late is not None:
            await self.database.write(lambda _: None)
            return
        while await self.database.write(lambda tx: tx.tree.sequence(limit=BATCH_SIZE)):
            pass


def _open_unsettled(connection: Connection, batch: Sequence[NewSession]) -> list[Session | VaultError | None]:
    """Do what ``open_group`` does before it settles the tree."""
    cursor: Any = connection.connection.cursor()
    links, group = [new.link.id for new in batch], _Group()
    cursor.execute(_LOCK, (links,))
    cursor.execute(_STATE, (links, [new.nonce_hash for new in batch]))
    answers = [group.open(new, row) for new, row in zip(batch, cursor.fetchall(), strict=True)]
    group.write(cursor)
    return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceEvents:
    """Moves events as PostgreSQL's sequencer does, without a lock, hashes, nodes and a head."""

    database: Database

    async def __call__(self) -> bool:
        """Move a batch; False if none waited."""
        if not await self.database.read(lambda tx: tx.tree.waiting()):
            return False
        return await self.database.write(_place) > 0


def _place(tx: Any) -> int:
    cursor: Any = tx.connection.connection.cursor()
    rows = cursor.execute(_WAITING, (BATCH_SIZE,)).fetchall()
    (first,) = cursor.execute(_NEXT).fetchone()
    positions = [position for position, _ in rows]
    places = list(range(first, first + len(rows)))
    cursor.execute(_PLACE, (positions, positions, places, [bytes(HASH_BYTES)] * len(rows)))
    return len(rows)


def fill_outbox(connection: Connection, account_id: str, bodies: list[bytes]) -> None:
    """Empty PostgreSQL's access log, and let these events wait for the sequencer."""
    cursor: Any = connection.connection.cursor()
    cursor.execute("TRUNCATE event_outbox, access_events, tree_nodes")
    cursor.execute("UPDATE tree_head SET size = 0, root = %s, peaks = ''", (EMPTY_ROOT,))
    count = len(bodies)
    names = [f"evt_{number}" for number in range(count)]
    columns = (list(range(count)), names, [account_id] * count, ["rec_bench"] * count, bodies)
    cursor.execute(_FILL, columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAtOnce:
    """Takes the place of the service that opens links; a browser without a session resumes none."""

    opened: OpenedLink

    async def is_forged(self, _token: str) -> bool:
        """Take every token for a true one."""
        return False

    async def resume(self, _token: str, _held: Mapping[str, str], *, address: str | None) -> None:
        """Return no session."""

    async def open(self, _token: str, *, nonce: str, address: str | None, agent: str) -> OpenedLink:
        """Return the session that was opened once, with a new secret."""
        del nonce, address, agent
        return OpenedLink(session=self.opened.session, secret=Token.new())
