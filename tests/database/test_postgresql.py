"""What PostgreSQL alone promises: every wait ends, repeats are quiet, and a server that returns is used."""

import asyncio
import threading

import psycopg
import pytest
from sqlalchemy import select, text

from tests.support.counts import count
from tests.support.database_rows import LEASE, OFF, TO_TRANSFER, announcement, claim, event, open_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.core import recordings
from vault.database.sql.dialect import lock_key
from vault.database.stores.hot.statements import Grant
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.recordings.recording import State
from vault.errors import Invalid, NotFound, Unavailable


async def test_every_wait_has_an_end(postgresql: PostgresqlDatabase):
    """The timeouts are in force in every transaction, and a commit waits for the disk."""

    def show(tx):
        names = (
            "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit",
            "transaction_isolation", "transaction_read_only",
        )  # fmt: skip
        return [tx.connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    assert await postgresql.write(show) == ["5s", "5s", "5s", "on", "read committed", "off"]
    assert await postgresql.write(show, urgent=True) == ["5s", "5s", "5s", "on", "read committed", "off"]
    assert await postgresql.read(show) == ["5s", "5s", "5s", "on", "repeatable read", "on"]


@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
async def test_a_lock_that_is_never_given_back_is_not_waited_for(
    postgresql: PostgresqlDatabase, migrated_url: str, setting: str
):
    """A gate behind a stopped switch hears Unavailable, and the connection is good again."""
    with psycopg.connect(migrated_url) as stopped:
        stopped.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("acct_a"),))

        def gate(tx):
            tx.connection.execute(text(f"SET LOCAL {setting} = '30ms'"))
            tx.lock_account("acct_a")

        with pytest.raises(Unavailable):
            await postgresql.write(gate)
    await postgresql.write(lambda tx: tx.lock_account("acct_a", exclusive=True))


async def test_a_transaction_that_idles_is_ended(postgresql: PostgresqlDatabase):
    """A node that stops in the middle loses its connection and its locks, and its caller hears of it."""

    def idle(tx):
        tx.metadata.put({"idle": b"x"})
        tx.connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '20ms'"))
        threading.Event().wait(0.2)
        return tx.metadata.get("idle")

    with pytest.raises(Unavailable):
        await postgresql.write(idle)
    assert await postgresql.read(lambda tx: tx.metadata.get("idle")) is None


async def test_a_deadlock_is_tried_again(postgresql: PostgresqlDatabase):
    """Two functions that lock two rows in opposite orders both succeed in the end."""
    await postgresql.write(lambda tx: tx.metadata.put({"a": b"", "b": b""}))
    together = threading.Barrier(2)
    tries: list[str] = []

    def both(first: str, second: str):
        def function(tx):
            tries.append(first)
            tx.connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            for name in (first, second):
                tx.connection.execute(
                    text("UPDATE vault_metadata SET value = value || '1' WHERE name = :name"), {"name": name}
                )
                if len(tries) <= 2 and name == first:
                    together.wait(5)

        return postgresql.write(function)

    await asyncio.gather(both("a", "b"), both("b", "a"))
    assert len(tries) == 3
    assert await postgresql.read(lambda tx: tx.metadata.get("a")) == b"11"


@pytest.mark.parametrize(("failures", "stands"), [(5, True), (6, False)])
async def test_serialization_failures_are_tried_again_but_not_for_ever(
    postgresql: PostgresqlDatabase, failures: int, *, stands: bool
):
    """The sixth try is the last."""
    tries: list[int] = []

    def function(tx):
        tries.append(len(tries))
        tx.metadata.put({"fact": b"x"})
        if len(tries) <= failures:
            tx.connection.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))

    if stands:
        await postgresql.write(function)
    else:
        with pytest.raises(Unavailable):
            await postgresql.write(function)
    assert len(tries) == 6
    assert (await postgresql.read(lambda tx: tx.metadata.get("fact")) is not None) == stands


async def test_a_swallowed_error_is_not_taken_for_success(postgresql: PostgresqlDatabase):
    """PostgreSQL answers ROLLBACK to the COMMIT of a failed transaction; nobody is told it is durable."""

    def swallow(tx):
        tx.metadata.put({"fact": b"x"})
        try:
            tx.connection.execute(text("SELECT 1/0"))
        except Exception:  # noqa: BLE001 - this is the mistake that is tested
            return "durable"

    with pytest.raises(RuntimeError):
        await postgresql.write(swallow)
    assert await postgresql.read(lambda tx: tx.metadata.get("fact")) is None


@pytest.mark.faults
async def test_a_server_that_returns_is_used_again(postgresql: PostgresqlDatabase, postgresql_server):
    """While it is gone every call says Unavailable; once it is back the same pool works; nothing is lost."""
    await open_account(postgresql)
    acknowledged: list[str] = []
    for round_ in range(count("restarts of PostgreSQL under calls", small=2, full=20)):
        calls = [postgresql.announce(announcement(f"{round_}-{n}")) for n in range(200)]
        calls += [postgresql.write(lambda tx: tx.now()) for _ in range(20)]
        under_way = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.01 * round_)
        await asyncio.to_thread(postgresql_server.stop)
        try:
            answers = await under_way
            acknowledged += [answer.recording_id for answer in answers if hasattr(answer, "recording_id")]
            failed = [answer for answer in answers if isinstance(answer, BaseException)]
            assert all(isinstance(answer, Unavailable) for answer in failed), failed
            for call in (
                postgresql.write(lambda tx: tx.now()),
                postgresql.write(lambda tx: tx.now(), urgent=True),
                postgresql.read(lambda tx: tx.now()),
                postgresql.announce(announcement("gone")),
                postgresql.grant(Grant(event=event("rec"), session_id=None)),
            ):
                with pytest.raises(Unavailable):
                    await call
        finally:
            postgresql_server.start()  # Here, for it dies with the thread that starts it.
        assert all(await asyncio.gather(*(postgresql.write(lambda tx: tx.now()) for _ in range(30))))
        await postgresql.announce(announcement(f"back-{round_}"))
    rows = await postgresql.read(lambda tx: tx.recordings.of_call("acct_a", "call-1"))
    assert set(acknowledged) <= {row.id for row in rows}
    print(f"{len(acknowledged)} acknowledged around the crashes, none lost")


async def test_the_switch_does_not_queue_behind_a_flood(postgresql: PostgresqlDatabase):
    """With every ordinary connection held, an urgent write goes through, and the others wait and succeed."""
    release = threading.Event()
    # The connections are made before: nobody waits for them while the others are held.
    now = postgresql.write(lambda tx: tx.now(), urgent=True)
    await asyncio.gather(now, *(postgresql.write(lambda tx: tx.now()) for _ in range(30)))
    holding = [asyncio.ensure_future(postgresql.write(lambda _tx: release.wait(4))) for _ in range(12)]
    waiting = [
        asyncio.ensure_future(postgresql.write(lambda tx, n=n: tx.metadata.put({f"fact {n}": b"x"})))
        for n in range(30)
    ]
    await postgresql.write(lambda tx: tx.metadata.put({"switch": b"x"}), urgent=True)
    assert not any(task.done() for task in waiting)
    release.set()
    assert all(await asyncio.gather(*holding))
    await asyncio.gather(*waiting)


@pytest.mark.faults
async def test_two_nodes_announce_the_same_once(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """Concurrent groups of two nodes with the same references, in opposite orders, make one row each."""
    await open_account(postgresql)
    for round_ in range(count("groups that two nodes announce at once", small=5, full=50)):
        refs = [f"{round_}-{n}" for n in range(60)]
        ours = [postgresql.announce(announcement(ref)) for ref in refs]
        theirs = [other_node.announce(announcement(ref)) for ref in reversed(refs)]
        answers = await asyncio.gather(*ours, *theirs)
        mine, yours = answers[:60], answers[60:][::-1]
        assert [one.recording_id for one in mine] == [one.recording_id for one in yours]
        assert all(one.created != other.created for one, other in zip(mine, yours, strict=True))


async def test_nodes_skip_what_another_is_claiming(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """A claim does not wait for a row that another node has locked: it takes the next one, or nothing."""
    await open_account(postgresql)
    assert await other_node.claim(TO_TRANSFER, lease=LEASE, likely=True) is None  # It is connected now.
    for number in range(2):
        await postgresql.announce(announcement(f"ref-{number}"))
    locked, release = threading.Event(), threading.Event()

    def hold(tx):
        wanted = select(recordings.c.id).where(recordings.c.recording_ref == "ref-0")
        tx.connection.execute(wanted.with_for_update()).one()
        locked.set()
        release.wait(4)

    slow = asyncio.ensure_future(postgresql.write(hold))
    await asyncio.to_thread(locked.wait)
    second = await other_node.claim(TO_TRANSFER, lease=LEASE, likely=True)
    third = await other_node.claim(TO_TRANSFER, lease=LEASE, likely=True)
    assert not slow.done()
    release.set()
    await slow
    assert (second.recording.recording_ref, third) == ("ref-1", None)
    assert (await claim(other_node)).recording.recording_ref == "ref-0"


async def test_a_row_that_cannot_be_kept_fails_alone(postgresql: PostgresqlDatabase):
    """PostgreSQL keeps no NUL in text and no event id twice: those rows fail, and their group stands."""
    await open_account(postgresql)
    group = [announcement(f"ref-{n}") for n in range(10)] + [announcement("ref-\x00")]
    answers = await asyncio.gather(*(postgresql.announce(new) for new in group), return_exceptions=True)
    assert [answer.state for answer in answers[:10]] == [State.RECEIVED] * 10
    assert isinstance(answers[10], Invalid)
    with pytest.raises(Invalid):
        await postgresql.write(lambda tx: tx.metadata.put({"\x00": b""}))
    unknown = await asyncio.gather(
        *(postgresql.announce(announcement("r", f"acct_{n}")) for n in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in unknown] == [NotFound] * 3


async def test_the_switch_waits_for_gates_and_not_for_other_accounts(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """An exclusive lock waits for the shared ones of its account alone."""
    for account_id in ("acct_a", "acct_b"):
        await open_account(postgresql, account_id)
    await other_node.write(lambda tx: tx.now(), urgent=True)  # It is connected now.
    entered, release = threading.Event(), threading.Event()

    def gate(tx):
        tx.lock_account("acct_a")
        entered.set()
        release.wait(4)

    def off(account_id: str):
        def change(tx):
            tx.lock_account(account_id, exclusive=True)
            return RecordingStates(tx.connection).refuse_in_flight(account_id, OFF)

        return asyncio.ensure_future(other_node.write(change, urgent=True))

    holding = asyncio.ensure_future(postgresql.write(gate))
    await asyncio.to_thread(entered.wait)
    await postgresql.write(lambda tx: tx.lock_account("acct_a"))
    waiting = off("acct_a")
    assert await off("acct_b") == []
    assert not waiting.done()
    release.set()
    await holding
    assert await waiting == []


async def test_a_restart_that_nobody_noticed_fails_nobody(postgresql: PostgresqlDatabase, postgresql_server):
    """Connections that died while idle are replaced before they are used."""
    await open_account(postgresql)
    await asyncio.gather(*(postgresql.write(lambda tx: tx.now()) for _ in range(30)))
    await asyncio.to_thread(postgresql_server.stop)
    postgresql_server.start()  # Here, for it dies with the thread that starts it.
    refs = [f"ref-{n}" for n in range(10)]
    await asyncio.gather(*(postgresql.announce(announcement(ref)) for ref in refs))
    assert all(await asyncio.gather(*(postgresql.write(lambda tx: tx.now()) for _ in range(30))))
