"""Leases of a process that is gone end within seconds; a process that lives keeps its own."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.support.database_rows import TO_TRANSFER, claim
from tests.support.service_house import House, node_on, reopened
from tests.support.working import cut_listeners, until, worker
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.signals import Signal
from vault.domain.recordings.recording import LEASE, State
from vault.errors import LeaseLost
from vault.thread_pools import Threads
from vault.worker.schedule import GRACE, LeaseHolders


class Ear:
    """A receiver that counts its connections."""

    def __init__(self) -> None:
        """Start unconnected."""
        self.connections: asyncio.Queue[bool] = asyncio.Queue()

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Ignore them."""
        return ()

    def connected(self, *, remote: bool) -> None:
        """Count it."""
        self.connections.put_nowait(remote)

    async def connection(self) -> None:
        """Wait for a connection that hears other processes."""
        async with asyncio.timeout(20):
            while not await self.connections.get():
                pass


class Clock:
    """A clock that the test sets, in seconds."""

    def __init__(self) -> None:
        """Start at 0."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def suspects(holders: LeaseHolders) -> bool:
    """Poll, and return whether a lock was free."""
    return await holders.poll() == GRACE


async def test_the_leases_of_a_process_that_is_gone_end_after_the_grace(
    on_postgresql: House, other_node: PostgresqlDatabase
):
    """Its lock is free: not at the first look, which may be a reconnection, but after some seconds."""
    await on_postgresql.announce()
    ear, clock = Ear(), Clock()
    async with other_node.signals.delivered_to(ear):
        await ear.connection()
        held = await claim(other_node)
        job = await other_node.write(lambda tx: tx.singleton_leases.claim("manifests", lease=LEASE))
        holders = LeaseHolders(on_postgresql.database, clock=clock)
        await holders.poll()
        clock.now += GRACE
        await holders.poll()
        # It lives, so nobody gets its row.
        assert await on_postgresql.database.claim(TO_TRANSFER, lease=LEASE, likely=True) is None
    await until(lambda: suspects(holders), "the server has noticed the end of the session")
    clock.now += GRACE - 0.1
    await holders.poll()
    assert not await on_postgresql.database.read(lambda tx: tx.queue.is_waiting(TO_TRANSFER))
    clock.now += 0.2
    await holders.poll()
    taken = await claim(on_postgresql.database)
    assert taken.recording.id == held.recording.id
    assert await on_postgresql.database.write(lambda tx: tx.singleton_leases.claim("manifests", lease=LEASE))
    with pytest.raises(LeaseLost):
        await other_node.write(lambda tx: tx.singleton_leases.renew("manifests", job or "", lease=LEASE))
    with pytest.raises(LeaseLost):
        await other_node.write(lambda tx: tx.queue.renew(held.recording.id, held.token, lease=LEASE))


async def test_a_live_process_whose_session_is_cut_keeps_its_leases(
    on_postgresql: House, other_node: PostgresqlDatabase, migrated_url: str
):
    """It takes its lock again on a new session, and the suspicion ends."""
    await on_postgresql.announce()
    ear, clock = Ear(), Clock()
    holders = LeaseHolders(on_postgresql.database, clock=clock)
    async with other_node.signals.delivered_to(ear):
        await ear.connection()
        held = await claim(other_node)
        assert cut_listeners(migrated_url) == 1
        await holders.poll()
        await ear.connection()
        clock.now += 2 * GRACE
        await holders.poll()
        assert not await on_postgresql.database.read(lambda tx: tx.queue.is_waiting(TO_TRANSFER))
        await other_node.write(lambda tx: tx.queue.renew(held.recording.id, held.token, lease=LEASE))


async def test_a_process_without_a_session_holds_its_leases_to_their_end(
    on_postgresql: House, other_node: PostgresqlDatabase
):
    """As behind a pooler: nobody can tell whether it lives, so its lease must expire."""
    await on_postgresql.announce()
    clock = Clock()
    await claim(other_node)
    holders = LeaseHolders(on_postgresql.database, clock=clock)
    for _ in range(3):
        await holders.poll()
        clock.now += GRACE
    assert not await on_postgresql.database.read(lambda tx: tx.queue.is_waiting(TO_TRANSFER))


async def test_a_worker_takes_over_from_one_that_is_gone(
    on_postgresql: House, other_node: PostgresqlDatabase, tmp_path: Path, threads: Threads
):
    """From end to end: the row was claimed by a process that is gone, and another node's worker brings it in."""
    recording_id = (await on_postgresql.announce()).recording_id or ""
    ear = Ear()
    async with other_node.signals.delivered_to(ear):
        await ear.connection()
        await claim(other_node)
    node = node_on(on_postgresql, on_postgresql.database, tmp_path, threads)  # type: ignore[arg-type]
    async with worker(node, poll_interval=0.2):

        async def available() -> bool:
            return await node.state(recording_id) is State.AVAILABLE

        await until(available, "available, though its first lease lasts 90 seconds")


async def test_a_new_process_on_sqlite_ends_all_leases(house: House, tmp_path: Path, threads: Threads):
    """It holds the lock of the file, so every holder of leases is gone."""
    recording_id = (await house.announce()).recording_id or ""
    await claim(house.database)
    await house.database.write(lambda tx: tx.singleton_leases.claim("manifests", lease=LEASE))
    assert not await house.database.read(lambda tx: tx.queue.is_waiting(TO_TRANSFER))
    again = reopened(house, tmp_path, threads)
    assert (await claim(again.database)).recording.id == recording_id
    assert await again.database.write(lambda tx: tx.singleton_leases.claim("manifests", lease=LEASE))
    again.database.close()
