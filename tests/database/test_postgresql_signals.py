"""Notifications between processes: in batches, after the commit, and never in a caller's way."""

import asyncio
from collections.abc import Iterable, Sequence
from types import SimpleNamespace

import psycopg
import pytest

from tests.support.database_rows import announcement, open_account
from vault.database.engines import postgresql_signals
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.signals import Signal, Work
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import LEASE


class Ear:
    """A receiver that keeps what it hears."""

    def __init__(self) -> None:
        """Start without signals."""
        self.heard: list[Signal] = []
        self.states: asyncio.Queue[bool] = asyncio.Queue()

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Keep them, and let other processes hear them too."""
        kept = list(signals)
        self.heard += kept
        return kept

    def connected(self, *, remote: bool) -> None:
        """Keep the state."""
        self.states.put_nowait(remote)

    async def state(self) -> bool:
        """Return the next state."""
        async with asyncio.timeout(20):
            return await self.states.get()

    async def number(self, work: Work, at_least: int) -> int:
        """Wait until so much of the work was signalled; return how much."""
        async with asyncio.timeout(20):
            while (number := sum(one.number for one in self.heard if one.work is work)) < at_least:
                await asyncio.sleep(0.01)
        return number


def notifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with the payload of each notification that is sent."""
    sent: list[str] = []
    original = psycopg.AsyncConnection.execute

    async def execute(connection, query, params=None, **how):
        if "pg_notify" in str(query):
            sent.append(params[1])
        return await original(connection, query, params, **how)

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", execute)
    return sent


async def test_another_process_hears_each_row_once(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """Announcements of one batch are counted, and the sender does not hear its own notification again."""
    await open_account(postgresql)
    near, far = Ear(), Ear()
    async with postgresql.signals.delivered_to(near), other_node.signals.delivered_to(far):
        assert [await near.state(), await far.state()] == [True, True]
        far.heard.clear()
        near.heard.clear()
        await asyncio.gather(*(postgresql.announce(announcement(f"ref-{n}")) for n in range(7)))
        assert await far.number(Work.INGEST, 7) == 7
        assert await near.number(Work.INGEST, 7) == 7
        await postgresql.announce(announcement("ref-0"))
        await other_node.write(lambda tx: tx.wake(Work.PUBLISH))
        await near.number(Work.PUBLISH, 1)
        assert await far.number(Work.INGEST, 7) == 7, "a duplicate leaves no work"


async def test_signals_of_many_transactions_share_a_notification(
    postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """A hundred commits, sent while the first notification is on its way: two notifications or a few."""
    sent = notifications(monkeypatch)
    monkeypatch.setattr(postgresql_signals, "_SEND_INTERVAL", 0.5)
    await postgresql.write(lambda tx: tx.wake(Work.SIGN))
    await asyncio.gather(*(postgresql.write(lambda tx: tx.wake(Work.SIGN)) for _ in range(100)))
    async with asyncio.timeout(20):
        while sum(int(one.rpartition("=")[2]) for one in sent) < 101:
            await asyncio.sleep(0.01)
    assert len(sent) <= 10


async def test_what_is_rolled_back_signals_nothing(
    postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Not then, and not with the next transaction on the same connection."""
    sent = notifications(monkeypatch)

    def fail(tx: Transaction) -> None:
        tx.wake(Work.REWRAP)
        raise KeyError

    for _ in range(12):
        with pytest.raises(KeyError):
            await postgresql.write(fail)
    for _ in range(12):
        await postgresql.write(lambda tx: tx.wake(Work.SIGN))
    async with asyncio.timeout(20):
        while sum(int(one.rpartition("=")[2]) for one in sent) < 12:
            await asyncio.sleep(0.01)
    assert not any("rewrap" in one for one in sent)


async def test_the_last_signal_before_the_end_is_sent(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """A process that stops gives work back, and closes its database immediately."""
    near, far = Ear(), Ear()
    async with other_node.signals.delivered_to(far):
        assert await far.state()
        async with postgresql.signals.delivered_to(near):
            await postgresql.write(lambda tx: tx.wake(Work.INGEST))
        postgresql.close()
        assert await far.number(Work.INGEST, 1) == 1


async def test_a_session_that_a_pooler_shares_hears_nothing(
    postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """The receiver is told so, and no lease names a holder whose lock somebody else might have."""
    monkeypatch.setattr(psycopg.AsyncConnection, "info", SimpleNamespace(backend_pid=1), raising=False)
    ear = Ear()
    async with postgresql.signals.delivered_to(ear):
        assert not await ear.state()
        token = await postgresql.write(lambda tx: tx.singleton_leases.claim("job", lease=LEASE))
        assert "." not in (token or "")


async def test_a_listener_sleeps_until_a_notification_arrives(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Psycopg's own wait would wake each process ten times a second, more than all its polls."""
    ear, waits = Ear(), list[object]()
    original = psycopg.AsyncConnection.wait

    async def wait(connection, generator, *options, **how):
        waits.append(connection)
        return await original(connection, generator, *options, **how)

    async with other_node.signals.delivered_to(ear):
        assert await ear.state()
        monkeypatch.setattr(psycopg.AsyncConnection, "wait", wait)
        for number in (1, 2):
            waits.clear()
            await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await postgresql.write(lambda tx: tx.wake(Work.INGEST))
            assert await ear.number(Work.INGEST, number) == number
            await postgresql.signals.flush()
            assert set(waits) <= set(postgresql.signals._idle)


@pytest.mark.parametrize("how", ["disconnect", "close"])
async def test_a_query_under_way_closes_its_connection_itself(
    postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch, how: str
):
    """Psycopg would go on with freed memory, and the process would crash. The server ends the session at once."""
    signals, begun = postgresql.signals, asyncio.Event()
    original = psycopg.AsyncConnection.wait
    used: list[psycopg.AsyncConnection] = []

    async def wait(connection, generator, *options, **more):
        used.append(connection)
        asyncio.get_running_loop().call_soon(begun.set)
        return await original(connection, generator, *options, **more)

    signals.attach()
    monkeypatch.setattr(psycopg.AsyncConnection, "wait", wait)
    monkeypatch.setattr(postgresql_signals, "_NOTIFY", "SELECT pg_notify(%s, %s), pg_sleep(10)")
    for number in range(2):
        signals.emit([Signal(Work.INGEST, 1)])
        async with asyncio.timeout(20):
            await begun.wait()
        begun.clear()
        getattr(signals, how)()
        assert not used[-1].closed
        await signals.flush()
        assert used[-1].closed
        assert len(set(used)) == number + 1
