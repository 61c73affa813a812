"""The promise of the switch, under load: once off has returned, nothing becomes available.

The same checker runs against gates that are wrong on purpose and must find them out; otherwise its
silence about the right one would mean nothing. A writer admits a recording in one of two ways: step
by step, as the verbs do, or all in one transaction, whose row the switch cannot see and refuse, so
that only the lock keeps the promise.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.support.counts import count
from tests.support.database_rows import LEASE, NOW, OFF, TO_TRANSFER, announcement, move, open_account
from vault.database.interface import Database
from vault.database.schema.core import recordings
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.recordings.recording import State
from vault.errors import LeaseLost, Unavailable

WRITERS = 6
#: Seconds between reading the switch and acting on it: what a busy machine may put there.
PAUSE = 0.002
#: Returns whether the switch is on, having taken whatever locks it thinks it needs.
Gate = Callable[[Any], bool]


def is_on(tx: Any) -> bool:
    """Read the switch."""
    return tx.accounts.switch("acct_a").enabled


def lock_then_read(tx: Any) -> bool:
    """The right gate: the shared lock first, the switch in a statement of its own after it."""
    tx.lock_account("acct_a")
    return is_on(tx)


def no_lock(tx: Any) -> bool:
    """Wrong: the switch may go off between this and the commit."""
    return is_on(tx)


def read_then_lock(tx: Any) -> bool:
    """Wrong: it waits for the lock with a stale answer in its hand."""
    on = is_on(tx)
    tx.lock_account("acct_a")
    return on


def key_share(tx: Any) -> bool:
    """Wrong: what a foreign key locks does not conflict with an update of other columns."""
    query = text("SELECT enabled FROM accounts WHERE id = 'acct_a' FOR KEY SHARE")
    return bool(tx.connection.execute(query).scalar_one())


def serializable(tx: Any) -> bool:
    """Wrong: SERIALIZABLE promises some order, and not the order of the clock."""
    tx.connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    return is_on(tx)


@dataclass
class Race:
    """Writers that admit recordings while the switch goes off and on."""

    database: Database
    gate: Gate
    #: How the switch takes part: exclusive lock, or SERIALIZABLE on both sides.
    locking: bool = True
    finished: bool = False
    rounds: list[int] = field(default_factory=lambda: [0] * WRITERS)
    violations: int = 0
    refused: int = 0
    longest_off: float = 0
    writers: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self, cycles: int, *, step_by_step: bool, until_found: bool = False) -> None:
        """Switch off and on ``cycles`` times and count what became available in between."""
        self.writers = [
            asyncio.ensure_future(self._write(number, step_by_step=step_by_step and number % 2 == 0))
            for number in range(WRITERS)
        ]
        for _ in range(cycles):
            await self._pass(1)
            started = time.perf_counter()
            await self._write_patiently(lambda tx: self._set(tx, enabled=False), urgent=True)
            self.longest_off = max(self.longest_off, time.perf_counter() - started)
            before = await self.database.read(_available)
            await self._pass(2)
            self.violations += len(await self.database.read(_available) - before)
            await self._write_patiently(lambda tx: self._set(tx, enabled=True), urgent=True)
            if until_found and self.violations:
                break
        self.finished = True
        await asyncio.gather(*self.writers)

    async def _write_patiently(self, function: Any, *, urgent: bool = False) -> None:
        """Write; under SERIALIZABLE a transaction may fail more often than the database tries again."""
        while True:
            try:
                await self.database.write(function, urgent=urgent)
            except Unavailable:
                if self.locking:
                    raise
            else:
                return

    async def _pass(self, rounds: int) -> None:
        """Wait until every writer has finished ``rounds`` rounds more: what was in flight is over."""
        goal = [done + rounds for done in self.rounds]
        while any(map(int.__lt__, self.rounds, goal)):
            for writer in self.writers:
                if writer.done():
                    # It raises what ended the writer, which would otherwise be waited for without end.
                    writer.result()
            await asyncio.sleep(0.001)

    def _set(self, tx: Any, *, enabled: bool) -> None:
        if self.locking:
            tx.lock_account("acct_a", exclusive=True)
        else:
            tx.connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        tx.accounts.set_switch("acct_a", enabled=enabled, at=NOW, by="key_1", reason=None)
        if not enabled:
            self.refused += len(RecordingStates(tx.connection).refuse_in_flight("acct_a", OFF))

    async def _write(self, number: int, *, step_by_step: bool) -> None:
        while not self.finished:
            new = announcement(f"{number}-{self.rounds[number]}")
            if step_by_step:
                await self.database.announce(new)
                await self._store()
                await self._require_approval()
            else:
                await self._write_patiently(lambda tx, new=new: self._admit(tx, new))
            self.rounds[number] += 1

    async def _store(self) -> None:
        held = await self.database.claim(TO_TRANSFER, lease=LEASE, likely=True)
        if held is not None:
            with suppress(LeaseLost):  # The switch refused it meanwhile.
                await self.database.write(
                    lambda tx: move(
                        tx, held, State.STORED, wrapped_key=b"key", key_version=1, evidence="digest"
                    )
                )

    async def _require_approval(self) -> None:
        held = await self.database.claim((State.STORED,), lease=LEASE, likely=True)
        if held is None:
            return

        def admit(tx: Any) -> None:
            on = self.gate(tx)
            time.sleep(PAUSE)
            move(tx, held, State.AVAILABLE if on else State.REFUSED)

        with suppress(LeaseLost):
            await self.database.write(admit)

    def _admit(self, tx: Any, new: Any) -> None:
        on = self.gate(tx)
        time.sleep(PAUSE)
        state = State.AVAILABLE if on else State.REFUSED
        tx.recordings.insert_upload(new, state=state, reasons=(), epoch=0)


def _available(tx: Any) -> set[str]:
    query = select(recordings.c.id).where(recordings.c.state == str(State.AVAILABLE))
    return set(tx.connection.execute(query).scalars())


@pytest.mark.faults
async def test_nothing_becomes_available_after_off(database: Database):
    """The right gate lets nothing through, in either way of admitting, and is not starved."""
    await open_account(database)
    race = Race(database, lock_then_read)
    cycles = count("off and on cycles against the right gate", small=15, full=150)
    await race.run(cycles, step_by_step=True)
    rows = len(await database.read(_available))
    print(
        f"{cycles} cycles: {race.violations} violations, {rows} available, {race.refused} refused in flight,"
    )
    print(f"off took at most {race.longest_off * 1000:.0f} ms")
    assert race.violations == 0
    assert rows > 0
    assert race.refused > 0


@pytest.mark.parametrize("gate", [no_lock, read_then_lock, key_share, serializable])
async def test_the_checker_finds_wrong_gates_out(postgresql: Database, gate: Gate):
    """Each of the gates that look right and are not is caught on PostgreSQL."""
    await open_account(postgresql)
    race = Race(postgresql, gate, locking=gate is not serializable)
    # SERIALIZABLE lets one through in some 40 cycles, and in four runs at most in 112.
    await race.run(800, step_by_step=False, until_found=True)
    assert race.violations > 0


@pytest.mark.faults
async def test_the_checker_is_silent_about_the_right_gate_alone(postgresql: Database):
    """In the very setting in which the wrong gates are caught, the right one is not."""
    await open_account(postgresql)
    race = Race(postgresql, lock_then_read)
    cycles = count("off and on cycles where wrong gates are caught", small=15, full=150)
    await race.run(cycles, step_by_step=False)
    assert race.violations == 0
