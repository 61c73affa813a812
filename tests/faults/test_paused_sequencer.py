"""A node that moves the log on is stopped in the middle, loses its lock, and wakes up: the log has no fork."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.faults.server import MortalVault
from tests.servers.processes import process
from tests.support.counts import count
from tests.support.database_rows import event
from tests.support.whole_log import read_export, root_of
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.sql.dialect import log_lock_key

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.timeout(600)]

#: Each node has a user of its own, so that PostgreSQL can say whose connection has the lock.
_USERS = ("postgres", "other_node")
_HOLDER = """
SELECT a.usename, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
   AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""
_BACKEND = "SELECT pid FROM pg_stat_activity WHERE pid = %s"
_AT_REST = "SELECT state FROM pg_stat_activity WHERE pid = %s AND state <> 'active'"
#: Moving the head takes long enough to be caught at it.
_SLOWLY = (
    "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$",
    "CREATE TRIGGER slowly BEFORE UPDATE ON tree_head FOR EACH ROW EXECUTE FUNCTION slowly()",
)


@contextmanager
def _other_user(url: str) -> Iterator[str]:
    """Offer the database's URL for another superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {_USERS[1]} SUPERUSER LOGIN")
        try:
            yield url.replace(f"//{_USERS[0]}:", f"//{_USERS[1]}:")
        finally:
            connection.execute(f"DROP ROLE {_USERS[1]}")


async def _until(ready: Callable[[], object]) -> object:
    """Poll until something is there, and return it."""
    deadline = time.monotonic() + 60
    while not (found := ready()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    return found


async def _stop_the_holder(
    look: psycopg.Connection,
    running: dict[str, subprocess.Popen[bytes]],
    append: Callable[[int], Awaitable[None]],
) -> tuple[str, int]:
    """Stop the node whose transaction has the lock and waits for its next statement; return it and its backend.

    A transaction is over soon after its commit was sent, no matter who is stopped then: another one is awaited.
    """
    while True:
        await append(5)
        holder = await _until(lambda: look.execute(_HOLDER, (log_lock_key(),)).fetchone())
        user, backend = holder
        os.kill(running[user].pid, signal.SIGSTOP)
        state = await _until(lambda backend=backend: look.execute(_AT_REST, (backend,)).fetchone())
        if (
            state == ("idle in transaction",)
            and look.execute(_HOLDER, (log_lock_key(),)).fetchone() == holder
        ):
            return user, backend
        os.kill(running[user].pid, signal.SIGCONT)


async def test_a_paused_sequencer_forks_nothing(folder: Path, postgresql_url: str) -> None:
    """Two workers, of which the one at work is stopped past the loss of its lock, again and again."""
    rounds = count("sequencers paused past the loss of their lock", small=1, full=12)
    with ExitStack() as stack:
        urls = dict(
            zip(_USERS, (postgresql_url, stack.enter_context(_other_user(postgresql_url))), strict=True)
        )
        nodes = {
            user: MortalVault(
                folder / user,
                VAULT_DATABASE_URL=url,
                VAULT_OBJECTS_URL=f"file://{folder}/objects",
                VAULT_ROOT_KEY_URL=f"file://{folder}/root.key",
                VAULT_PUBLIC_URL="http://vault.example",
            )
            for user, url in urls.items()
        }
        first = nodes[_USERS[0]]
        assert first.command("migrate").returncode == 0
        first.create_key()
        database = PostgresqlDatabase(postgresql_url)
        stack.callback(database.close)
        look = stack.enter_context(psycopg.connect(postgresql_url, autocommit=True))
        for statement in _SLOWLY:
            look.execute(statement)
        worker = [sys.executable, "-m", "vault", "worker"]
        running = {
            user: stack.enter_context(process(worker, node.log, **node.environment))
            for user, node in nodes.items()
        }
        written: list[str] = []
        stopped = dict.fromkeys(_USERS, 0)

        async def append(number: int) -> None:
            for _ in range(number):
                one = event("rec_1")
                await database.write(lambda tx, one=one: tx.events.append(one))
                written.append(one.id)

        def waiting() -> int:
            return look.execute("SELECT count(*) FROM event_outbox").fetchone()[0]

        for number in range(rounds):
            user, backend = await _stop_the_holder(look, running, append)
            stopped[user] += 1
            await append(20)
            if number % 2:
                # It has its lock for as long as PostgreSQL lets an idle transaction have it.
                assert waiting() >= 20
            else:
                look.execute("SELECT pg_terminate_backend(%s)", (backend,))
            await _until(lambda: not waiting())
            # It was stopped before its commit, and its connection is gone: what it did is rolled back, and it does
            # not know yet.
            await _until(lambda backend=backend: not look.execute(_BACKEND, (backend,)).fetchall())
            os.kill(running[user].pid, signal.SIGCONT)
            # Now it is alone, so that what it still believes shows in what it does.
            other = next(one for one in _USERS if one != user)
            os.kill(running[other].pid, signal.SIGSTOP)
            await append(20)
            await _until(lambda: not waiting())
            os.kill(running[other].pid, signal.SIGCONT)
        rows = look.execute(
            "SELECT tree_index, id, leaf_hash FROM access_events ORDER BY tree_index"
        ).fetchall()
        size, root = look.execute("SELECT size, root FROM tree_head").fetchone()
        notes = [bytes(note) for (note,) in look.execute("SELECT note FROM checkpoints")]
        export = first.command("log", "export")
    print(f"stopped {stopped}; {len(rows)} entries, {len(notes)} checkpoints")
    assert [index for index, *_ in rows] == list(range(size))
    assert root_of([bytes(hashed) for *_, hashed in rows]) == bytes(root)
    assert sorted(one for _, one, _ in rows if one in set(written)) == sorted(written)
    assert sum(stopped.values()) == rounds
    log = read_export(export.stdout.encode())
    assert log.size == size
    key = export.stdout.splitlines()[1].removeprefix("key ")
    for note in notes:
        log.continues(note, key)
