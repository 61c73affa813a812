"""What a claim reads, with twenty and with twenty thousand recordings waiting."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests.support.database_rows import TO_TRANSFER, announcement, open_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import micros
from vault.database.stores.recordings.claim_statements import (
    any_waiting,
    claim_by_account,
    claim_oldest,
    hot_any_waiting,
    hot_claims,
)
from vault.domain.recordings.recording import Lease

_BATCH = 5000
_LEASE = timedelta(seconds=90)
_ON_SQLITE = {
    "by account": claim_by_account(TO_TRANSFER),
    "oldest": claim_oldest(TO_TRANSFER),
    "any": any_waiting(TO_TRANSFER, on_postgresql=False),
}
_ON_POSTGRESQL = {
    "by account": hot_claims(TO_TRANSFER)[0],
    "oldest": hot_claims(TO_TRANSFER)[1],
    "any": hot_any_waiting(TO_TRANSFER),
}


async def _wait(database: Any, number: int, accounts: int = 5, *, archived: bool = False) -> None:
    """Let ``number`` copies of one announced recording wait, in several accounts, or be available."""
    await open_account(database, "acct_0")
    await database.announce(announcement("ref", "acct_0"))

    def copy(tx: Any, first: int, last: int) -> None:
        names = list(tx.connection.execute(text("SELECT * FROM recordings LIMIT 1")).keys())
        other = {
            "id": "'rec_' || n",
            "account_id": f"'acct_' || (n % {accounts})",
            "recording_ref": "'r' || n",
        }
        if archived:
            other |= {"state": "'available'", "sealed_announcement": "NULL"}
        columns = ", ".join(other.get(name, f"r.{name}") for name in names)
        numbers = f"WITH RECURSIVE g (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM g WHERE n < {last}) "  # noqa: S608 - our own names
        source = f"SELECT {columns} FROM g, (SELECT * FROM recordings WHERE recording_ref = 'ref') r"  # noqa: S608
        insert = f"INSERT INTO recordings ({', '.join(names)}) "
        on_sqlite = tx.connection.dialect.name == "sqlite"
        tx.connection.execute(text(numbers + insert + source if on_sqlite else insert + numbers + source))

    for first in range(1, number, _BATCH):
        last = min(first + _BATCH - 1, number - 1)
        await database.write(lambda tx, first=first, last=last: copy(tx, first, last))


_VALUES = {"token": "token", "lease": 90_000_000, "start": "acct_2", "now": micros(datetime.now(UTC))}
_PASSED_OVER = ["acct_1", "acct_3"]


async def _steps_on_sqlite(database: SqliteDatabase, name: str) -> int:
    """Return the instructions, in hundreds, that SQLite runs for a statement."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def run(tx: Any) -> None:
        raw = tx.connection.connection.driver_connection
        raw.set_progress_handler(count, 100)
        try:
            tx.connection.execute(_ON_SQLITE[name], _VALUES | {"but": json.dumps(_PASSED_OVER)}).all()
        finally:
            raw.set_progress_handler(None, 0)

    await database.write(run)
    return steps


@pytest.mark.parametrize("name", _ON_SQLITE)
async def test_sqlite_runs_no_more_steps_for_a_long_queue(tmp_path, name: str):
    """A thousand times as many rows in as many accounts cost no more."""
    steps = []
    for number in (100, 20_000):
        database = SqliteDatabase(tmp_path / f"{number}.db")
        await _wait(database, number)
        steps.append(await _steps_on_sqlite(database, name))
        database.close()
    assert steps[1] <= 2 * steps[0] + 5


async def _pages_on_postgresql(database: PostgresqlDatabase, name: str, floor: int = 0) -> int:
    """Return the pages that PostgreSQL reads for a statement."""

    def pages(tx: Any) -> int:
        # Its own text with named parameters; the text for PostgreSQL has numbered ones.
        statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_ON_POSTGRESQL[name].sqlite}"
        given = _VALUES | {"but": _PASSED_OVER, "floor": floor}
        values = {key: value for key, value in given.items() if f":{key}" in statement}
        (plan,) = tx.connection.execute(text(statement), values).scalar_one()
        return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])

    return await database.write(pages)


def _analyze(tx: Any) -> None:
    tx.connection.execute(text("ANALYZE recordings"))


@pytest.mark.postgresql
@pytest.mark.parametrize("name", _ON_POSTGRESQL)
@pytest.mark.parametrize("analyzed", ["never", "while empty", "now"])
async def test_postgresql_reads_few_pages_of_a_long_queue(
    postgresql: PostgresqlDatabase, name: str, analyzed: str
):
    """Whatever the statistics say, a statement reads at most some hundred of the thousands of pages."""
    if analyzed == "while empty":
        await postgresql.write(_analyze)
    await _wait(postgresql, 20_000)
    if analyzed == "now":
        await postgresql.write(_analyze)

    assert await _pages_on_postgresql(postgresql, name) < 300


@pytest.mark.postgresql
@pytest.mark.parametrize("name", _ON_POSTGRESQL)
@pytest.mark.parametrize("accounts", [1, 5])
async def test_postgresql_reads_few_pages_beside_a_large_archive(
    postgresql: PostgresqlDatabase, name: str, accounts: int
):
    """Statistics say that every recording is available and none has an announcement."""
    await _wait(postgresql, 20_000, accounts, archived=True)
    # Twice the pages: the versions before are not vacuumed yet.
    changed = text("UPDATE recordings SET state = 'available', sealed_announcement = NULL, act_at = 1")
    await postgresql.write(lambda tx: tx.connection.execute(changed) and None)
    await postgresql.write(_analyze)
    assert await _pages_on_postgresql(postgresql, name) < 300


async def _finish(database: PostgresqlDatabase, held: Lease | None) -> Lease:
    """Let a claimed recording be available, as its worker does in the end."""
    assert held is not None
    done = text(
        "UPDATE recordings SET state = 'available', sealed_announcement = NULL, lease_until = NULL, "
        "lease_token = NULL WHERE id = :id"
    )
    await database.write(lambda tx: tx.connection.execute(done, {"id": held.recording.id}) and None)
    return held


async def _claim(database: PostgresqlDatabase) -> Lease:
    return await _finish(database, await database.claim(TO_TRANSFER, lease=_LEASE, likely=True))


@pytest.mark.postgresql
async def test_postgresql_reads_few_pages_while_old_versions_stay(
    postgresql: PostgresqlDatabase, migrated_url: str
):
    """While a dump or a forgotten transaction holds its snapshot, a claim does not read over all that was claimed."""
    await _wait(postgresql, 3_000, accounts=2)
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_current_xact_id()")
        for _ in range(1_500):
            held = await _claim(postgresql)
        assert held.recording.not_before is not None
        floor = micros(held.recording.not_before)
        # All of them waited since the same moment, so the last ones are made younger.
        younger = text("UPDATE recordings SET not_before = not_before + 1 WHERE state = 'received'")
        await postgresql.write(lambda tx: tx.connection.execute(younger) and None)
        few = await _pages_on_postgresql(postgresql, "by account", floor + 1)
        many = await _pages_on_postgresql(postgresql, "by account")
    assert few < 300 < many


@pytest.mark.postgresql
async def test_what_comes_back_below_the_floor_is_claimed(postgresql: PostgresqlDatabase):
    """At once if nothing else waits for the same worker; beside others at the next look at all that waits."""
    await _wait(postgresql, 40, accounts=2)
    older = await _claim(postgresql)
    await _claim(postgresql)
    assert postgresql._floors.of(TO_TRANSFER)[0] > 0, "the first look found the floor"
    back = text(
        "UPDATE recordings SET state = 'received', sealed_announcement = :sealed, not_before = 1 WHERE id = :id"
    )
    values = {"id": older.recording.id, "sealed": b"sealed"}
    await postgresql.write(lambda tx: tx.connection.execute(back, values) and None)
    assert (await _claim(postgresql)).recording.id != older.recording.id, "the look from the floor on"
    claimed = []
    while older.recording.id not in claimed:
        assert len(claimed) < 15, "the look at all that waits came too late"
        await asyncio.sleep(0.2)
        claimed.append((await _claim(postgresql)).recording.id)

    while (found := await postgresql.claim(TO_TRANSFER, lease=_LEASE, likely=True)) is not None:
        await _finish(postgresql, found)
    await postgresql.write(lambda tx: tx.connection.execute(back, values) and None)
    postgresql._floors.keep(TO_TRANSFER, 2, seconds=60)
    found = await postgresql.claim(TO_TRANSFER, lease=_LEASE, likely=True, but={"acct_other"})
    assert found is not None


@pytest.mark.postgresql
@pytest.mark.parametrize(("accounts", "is_kept"), [(31, True), (60, False)])
async def test_a_floor_is_kept_only_if_every_account_was_looked_at(
    postgresql: PostgresqlDatabase, accounts: int, is_kept: bool
):
    """Otherwise rows of an account that was not looked at could wait below it."""
    await _wait(postgresql, 200, accounts=accounts)
    await _claim(postgresql)
    assert (postgresql._floors.of(TO_TRANSFER)[0] > 0) is is_kept
