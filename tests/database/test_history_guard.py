"""A connection that outlives the exchange of its database runs nothing more, and a call costs no round trip for that.

The ways: the schema dropped and made again, a log that is shorter than before, a restore that begins.
"""

from collections.abc import Awaitable, Callable

import psycopg
import pytest
from sqlalchemy import bindparam, select, update

from tests.servers.postgresql import PostgresqlServer, name_of
from vault.database.engines import connection_check
from vault.database.engines.migrate import migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.postgresql_connection import connect
from vault.database.schema.access_log import tree_head
from vault.database.schema.core import accounts
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.hot_text import HotText
from vault.database.transaction import Transaction
from vault.domain.progress import MARK, NEW_MARK
from vault.errors import DatabaseUnfit, Unavailable

pytestmark = pytest.mark.postgresql


class Check:
    """A check of the history that counts, and refuses when it is told to."""

    count = 0
    refuses = False

    async def __call__(self) -> None:
        """Check."""
        self.count += 1
        if self.refuses:
            raise Unavailable("Behind.")


@pytest.fixture
def check(postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch) -> Check:
    """A check of this test's database; each transaction is confirmed."""
    monkeypatch.setattr(connection_check, "_CONFIRMED_SECONDS", -1.0)
    postgresql.history_check = made = Check()
    return made


def _exchange_schema(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DROP SCHEMA public CASCADE")
        other.execute("CREATE SCHEMA public")
    migrate_postgresql(url)


def _shorten_log(url: str) -> None:
    """Put the head back as a restore of the rows alone does: the tables stay the same."""
    with psycopg.connect(url) as other:
        other.execute("UPDATE tree_head SET size = size - 1")


def _begin_restore(url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("INSERT INTO vault_metadata (name, value) VALUES (%s, 'new')", (MARK,))


_EXCHANGES = [_exchange_schema, _shorten_log, _begin_restore]


_ACCOUNT = CompiledSelect(select(accounts.c.name).where(accounts.c.id == bindparam("id")))
_PUT = HotText("INSERT INTO vault_metadata (name, value) VALUES (:name, :value)", name="text", value="bytea")


def _write(name: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.metadata.replace({name: b"1"})


def _lanes(database: PostgresqlDatabase) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a call of each lane."""
    put = [(_PUT, {"name": "hot", "value": b"1"})]
    return {
        "read": lambda: database.read(lambda tx: tx.metadata.get("a")),
        "write": lambda: database.write(_write("write")),
        "urgent": lambda: database.write(_write("urgent"), urgent=True),
        "hot read": lambda: database.fetch(_ACCOUNT, id="a"),
        "hot write": lambda: database._pool.hot().write(put, guarded=True),
    }


@pytest.mark.parametrize("lane", ["read", "write", "urgent", "hot read", "hot write"])
async def test_a_database_without_schema_says_so(
    postgresql: PostgresqlDatabase, check: Check, migrated_url: str, lane: str
):
    """Wrong: a new database in the place of a lost one "does not answer", and nobody knows what to run."""
    call = _lanes(postgresql)[lane]
    await call()
    with psycopg.connect(migrated_url, autocommit=True) as other:
        other.execute("DROP SCHEMA public CASCADE")
        other.execute("CREATE SCHEMA public")
    count = check.count
    for ask in (postgresql.check, call):
        with pytest.raises(DatabaseUnfit, match=r"no schema.*restore.*migrate"):
            await ask()
    assert check.count == count
    migrate_postgresql(migrated_url)
    await postgresql.check()
    await call()
    assert check.count == count + 1


@pytest.mark.parametrize("lane", ["read", "write", "urgent", "hot read", "hot write"])
@pytest.mark.parametrize("exchange", _EXCHANGES)
async def test_a_connection_outlives_its_database(
    postgresql: PostgresqlDatabase,
    check: Check,
    migrated_url: str,
    lane: str,
    exchange: Callable[[str], None],
):
    """The call after the exchange is refused, with nothing written, although its connection lives."""
    await postgresql.write(lambda tx: tx.connection.execute(update(tree_head).values(size=5)))
    calls = _lanes(postgresql)
    for name, call in calls.items():
        if name != "hot write":
            await call()
    await postgresql._pool.hot().write([(_PUT, {"name": "before", "value": b"1"})], guarded=True)
    assert check.count == 1
    exchange(migrated_url)
    check.refuses = True
    with pytest.raises(Unavailable, match="Behind"):
        await calls[lane]()
    assert check.count == 2
    with psycopg.connect(migrated_url) as other:
        names = {name for (name,) in other.execute("SELECT name FROM vault_metadata")}
    assert names & {"hot"} == set()
    if exchange is _exchange_schema:
        assert names & {"write", "urgent", "before"} == set()


@pytest.mark.parametrize("exchange", [_exchange_schema, _shorten_log])
async def test_a_database_that_passes_the_check_is_used(
    postgresql: PostgresqlDatabase, check: Check, migrated_url: str, exchange: Callable[[str], None]
):
    """Every lane works on it, after one check."""
    await postgresql.write(lambda tx: tx.connection.execute(update(tree_head).values(size=5)))
    for call in _lanes(postgresql).values():
        await call()
    with psycopg.connect(migrated_url) as other:
        other.execute("DELETE FROM vault_metadata WHERE name = 'hot'")
    exchange(migrated_url)
    for call in _lanes(postgresql).values():
        await call()
    assert check.count == 2


async def test_a_connection_is_confirmed_once_in_some_milliseconds(
    postgresql: PostgresqlDatabase, check: Check, monkeypatch: pytest.MonkeyPatch
):
    """Calls that follow each other send one guard for each connection, not one each."""
    monkeypatch.setattr(connection_check, "_CONFIRMED_SECONDS", 3600.0)
    confirmed: list[object] = []
    confirm = postgresql._pool.gate.confirm
    monkeypatch.setattr(
        postgresql._pool.gate, "confirm", lambda *a, **k: (confirmed.append(a[0]), confirm(*a, **k))
    )
    for _ in range(10):
        await postgresql.read(lambda tx: tx.metadata.get("a"))
        await postgresql.fetch(_ACCOUNT, id="a")
    assert len(confirmed) == len(set(map(id, confirmed))) >= 2


async def test_another_database_of_the_server_has_another_identity(
    postgresql: PostgresqlDatabase, postgresql_server: PostgresqlServer, migrated_url: str
):
    """A copy by template has the same name for everything but for its number. Wrong: to compare servers alone."""
    postgresql.close()
    with connect(migrated_url) as mine:
        before = mine.identity
    with connect(migrated_url) as mine:
        assert mine.identity == before
    copied = postgresql_server.new_database(template=name_of(migrated_url))
    with connect(copied) as other:
        assert other.identity != before
        assert other.identity.log_table == before.log_table
    _exchange_schema(migrated_url)
    with connect(migrated_url) as mine:
        assert mine.identity != before
        assert mine.identity.database == before.database


async def test_a_new_schema_has_the_mark_of_the_restore_that_makes_it(postgresql_server: PostgresqlServer):
    """In the same transaction; an existing schema and one that no restore makes have none."""
    url = postgresql_server.new_database()
    with psycopg.connect(url) as looking:
        migrate_postgresql(url, restoring=True)
        assert looking.execute("SELECT value FROM vault_metadata WHERE name = %s", (MARK,)).fetchall() == [
            (NEW_MARK,)
        ]
        looking.execute("DELETE FROM vault_metadata WHERE name = %s", (MARK,))
        looking.commit()
        migrate_postgresql(url, restoring=True)
        assert looking.execute("SELECT value FROM vault_metadata WHERE name = %s", (MARK,)).fetchall() == []
