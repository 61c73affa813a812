"""PostgreSQL behind the database port: many processes, one transaction per function.

READ COMMITTED with a per-account advisory lock: in measurements, SERIALIZABLE and row locks both break the
guarantee of the recording switch or starve it. Every wait has a timeout, so a stopped node cannot keep a
lock, and every call has one, so a hanging standby cannot block a caller forever. While the server is
unreachable, calls raise Unavailable; the pool reconnects later. When the response to a COMMIT is lost, its
outcome is unknown: callers retry, and retries are idempotent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection

from vault import metrics
from vault.database.engines.claim_floors import ClaimFloors
from vault.database.engines.micro_batch import MicroBatch
from vault.database.engines.migrate import check_schema
from vault.database.engines.postgresql_job import DEADLINE, DEFAULT_POOL, LONG_SECONDS, UNKNOWN, PoolSizes
from vault.database.engines.postgresql_pipeline import Rows, Step
from vault.database.engines.postgresql_pool import Lane, PostgresqlPool
from vault.database.signals import Signal, Signals, Work
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.lease_tokens import token_of
from vault.database.stores.hot.add_fact import AddedFact, NewFact, add_fact_steps, added_fact
from vault.database.stores.hot.open_sessions import NewSession, open_group
from vault.database.stores.hot.statements import Announced, Grant, announcement_signals, validity_values
from vault.database.stores.hot.writes import IS_VALID, announce_steps, announced, grant_steps, granted
from vault.database.stores.recordings.claim_statements import (
    MANIFEST_WRITTEN,
    hot_any_waiting,
    hot_claim_values,
    hot_claims,
    read_claim,
)
from vault.database.stores.recordings.recording_queue import locked_row_signal
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.log_allowance import NEEDS_NO_PERMISSION
from vault.domain.playback.link import Session
from vault.domain.recordings.recording import Lease, State
from vault.errors import Unavailable, VaultError

T = TypeVar("T")
#: Max links opened in one transaction.
_MAX_OPENS = 64
#: Seconds that an event waits for a batch of grants, whose fsync it shares.
APPEND_DELAY = 0.2


class PostgresqlRows:
    """The database port over ``pool``; ``guarded``: only on connections whose history was checked."""

    def __init__(self, pool: PostgresqlPool, *, guarded: bool) -> None:
        """Use the threads and connections of ``pool``."""
        self._pool = pool
        self.signals: Signals = pool.signals
        self._guarded = guarded
        self._announcements: MicroBatch[NewRecording, Announced | None] = MicroBatch(self._announce_group)
        #: One batch at a time, because each holds the lock of the log's tree.
        self._opens: MicroBatch[NewSession, Session | None] = MicroBatch(
            self._open_group, writers=1, largest=_MAX_OPENS
        )
        #: Grants, and events that nobody waits for.
        self._grants: MicroBatch[Grant, bool] = MicroBatch(self._grant_group)
        self._floors = ClaimFloors()

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in its own transaction."""
        return await self._call(
            lambda connection: function(Transaction(connection)), lane="urgent" if urgent else "write"
        )

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a snapshot, in a read-only transaction."""
        return await self._call(lambda connection: function(Transaction(connection)), lane="read")

    async def long(self, function: Callable[[Transaction], T], *, writes: bool) -> T:
        """Run ``function`` in its own transaction, without the limits of time of the others."""

        def unlimited(connection: Connection) -> T:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {name} = 0")
            return function(Transaction(connection))

        lane: Lane = "write" if writes else "read"
        return await self._pool.run(
            unlimited, lane=lane, guarded=self._guarded, ends_at=monotonic() + LONG_SECONDS
        )

    async def fetch(self, select: CompiledSelect, **values: object) -> list[dict[str, Any]]:
        """Return the rows of one SELECT, read without a thread."""
        return select.named(await self._hot_read((select.hot, select.parameters(values))))

    async def add_fact(self, new: NewFact) -> AddedFact:
        """Add a fact of a call, in a transaction of its own."""
        return added_fact(await self._hot_write(add_fact_steps(new)))

    async def claim(
        self, states: Sequence[State], *, lease: timedelta, likely: bool, but: Collection[str] = ()
    ) -> Lease | None:
        """Claim a row. A claim that finds nothing writes nothing, so it needs no look before."""
        del likely
        states, token = tuple(states), token_of(self._pool.signals.holder)
        by_account, oldest = hot_claims(states)
        for floor in self._floors.of(states):
            begun = monotonic()
            values = hot_claim_values(token, lease, but, floor)
            row, next_floor = read_claim((await self._hot_write([(by_account, values)]))[0], token)
            if not floor:
                self._floors.keep(states, next_floor, seconds=monotonic() - begun)
            if row is not None:
                return row
        # What was passed over waits too, and is claimed when its account may have it.
        if not but and await self._hot_read((hot_any_waiting(states), {})):
            row, _ = read_claim((await self._hot_write([(oldest, values)]))[0], token)
            if row is None:
                self.signals.emit([locked_row_signal(states)])
        return row

    async def first_manifest_written(self, held: Lease, key_version: int | None) -> bool:
        """Mark the manifest as stored, and release the lease."""
        values = {"id": held.recording.id, "token": held.token, "key_version": key_version}
        if (await self._hot_write([(MANIFEST_WRITTEN, values)]))[0]:
            return True
        return await self.write(lambda tx: tx.queue.leave_manifest(held))

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording, in one batch with concurrent announcements; alone where its call is busy."""
        answer = await _within_deadline(self._announcements.add(new))
        return await _within_deadline(self._announce_alone(new)) if answer is None else answer

    async def grant(self, grant: Grant) -> bool:
        """Write the event, in one batch with concurrent grants; return after the COMMIT (``postgresql_pipeline``)."""
        return await _within_deadline(self._grants.add(grant))

    async def open_session(self, new: NewSession) -> Session | None:
        """Open a link, in one batch with concurrent opens."""
        return await _within_deadline(self._opens.add(new))

    async def is_valid(self, event: AccessEvent) -> bool:
        """Return whether a grant of ``event`` would still be valid."""
        return bool(await self._hot_read((IS_VALID, validity_values(event))))

    async def append_soon(self, event: AccessEvent) -> None:
        """Write the event with the next batch of grants, or after a short delay; one that needs no permission alone."""
        if event.type in NEEDS_NO_PERMISSION:
            await self.write(lambda tx: tx.events.append(event))
            return
        await _within_deadline(
            self._grants.add(Grant(event=event, session_id=None, conditional=False), delay=APPEND_DELAY)
        )
        metrics.EVENTS.labels(event.type).inc()

    async def check(self) -> None:
        """Check the server's schema version. Raises StartRefused, and Unavailable, also while writes hang."""
        await self._call(check_schema, lane="read")
        self._pool.faults.refuse_stuck()

    async def scrub(self, *, moved: bool = False) -> bool:
        """Do nothing: old row versions are removed by VACUUM, which a transaction cannot run."""
        del moved
        return True

    async def _announce_group(self, batch: Sequence[NewRecording]) -> Sequence[Announced | VaultError | None]:
        metrics.GROUPS.labels("announce").observe(len(batch))
        answers = announced(batch, await self._hot_write(announce_steps(batch)))
        self.signals.emit(announcement_signals(batch, answers))
        return answers

    async def _announce_alone(self, new: NewRecording) -> Announced:
        (answer,) = announced([new], await self._hot_write(announce_steps([new], waits=True)))
        if not isinstance(answer, Announced):
            assert answer is not None  # noqa: S101 - it waited for the lock
            raise answer
        self.signals.emit(announcement_signals([new], [answer]))
        return answer

    async def _grant_group(self, batch: Sequence[Grant]) -> Sequence[bool]:
        metrics.GROUPS.labels("grant").observe(len(batch))
        written = granted(batch, await self._hot_write(grant_steps(batch)))
        if any(written):
            self.signals.emit([Signal(Work.SEQUENCE)])
        return written

    async def _open_group(self, batch: Sequence[NewSession]) -> Sequence[Session | VaultError | None]:
        metrics.GROUPS.labels("open").observe(len(batch))
        return await self._call(lambda connection: open_group(connection, batch), lane="tree")

    async def _hot_read(self, step: Step) -> Rows:
        return await self._pool.hot().read(step, guarded=self._guarded)

    async def _hot_write(self, steps: Sequence[Step]) -> list[Rows]:
        return await self._pool.hot().write(steps, guarded=self._guarded)

    async def _call(self, function: Callable[[Connection], T], *, lane: Lane) -> T:
        return await self._pool.run(function, lane=lane, guarded=self._guarded)


class PostgresqlDatabase(PostgresqlRows):
    """The database port with its own connection pools and threads."""

    def __init__(self, url: str, *, pool: int = DEFAULT_POOL) -> None:
        """Connect lazily. The schema must exist: ``callvault migrate`` creates it.

        ``pool`` is the number of connections to keep, at least MIN_POOL. Raises StartRefused for a URL that cannot be
        parsed.
        """
        super().__init__(PostgresqlPool(url, PoolSizes.of(pool)), guarded=True)
        #: The same port for the check itself: its calls run before ``history_check`` has returned.
        self.unguarded = PostgresqlRows(self._pool, guarded=False)

    @property
    def history_check(self) -> Callable[[], Awaitable[None]] | None:
        """Return the check that runs before the first call on a new server, timeline or server start.

        It works on ``unguarded``, and raises if calls must not run: they raise Unavailable then, and the check
        runs again after one second at the earliest.
        """
        return self._pool.gate.history_check

    @history_check.setter
    def history_check(self, check: Callable[[], Awaitable[None]] | None) -> None:
        """Set the check; it also runs again for servers accepted before."""
        self._pool.gate.history_check = check

    def close(self) -> None:
        """Wait up to two seconds for running calls, disconnect the rest, and close the connections."""
        self._pool.close()


async def _within_deadline(row: Awaitable[T]) -> T:
    """Wait for a row's batch, and the batch before it, up to DEADLINE. After a timeout the row may still be written."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await row
    except TimeoutError as error:
        raise Unavailable(UNKNOWN, cause="database") from error
