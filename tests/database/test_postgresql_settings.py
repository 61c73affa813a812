"""What the vault's promises rest on in PostgreSQL is looked at with each connection, and said when it is missing."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import text

from tests.servers.postgresql import PostgresqlServer, name_of
from tests.servers.postgresql_pair import wait_for
from vault.database.engines import postgresql_connection
from vault.database.engines.migrate import check_postgresql, create_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.errors import DatabaseUnfit, StartRefused


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings are said once in the life of a process; each test is one here."""
    monkeypatch.setattr(postgresql_connection, "_warned", set())


@contextmanager
def _set(url: str, level: str, setting: str, value: str) -> Iterator[None]:
    """Set something for the role, the database or the server to the end of the block."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row is not None
        where = {"role": "ROLE postgres", "database": f"DATABASE {row[0]}", "server": "SYSTEM"}[level]
        connection.execute(f"ALTER {where} SET {setting} = '{value}'")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        with psycopg.connect(
            url, autocommit=True, options="-c default_transaction_read_only=off"
        ) as connection:
            connection.execute(f"ALTER {where} RESET {setting}")  # type: ignore[arg-type]
            connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("level", ["role", "database", "server"])
@pytest.mark.parametrize("value", ["off", "local"])
async def test_commits_wait_for_the_disk_and_the_standby_whatever_was_set(
    migrated_url: str,
    postgresql_server: PostgresqlServer,
    level: str,
    value: str,
    caplog: pytest.LogCaptureFixture,
):
    """synchronous_commit is on in every session, also after a later reload, and a line says so once."""
    caplog.set_level(logging.WARNING)
    shown = []

    def show(tx):
        shown.append(tx.connection.execute(text("SHOW synchronous_commit")).scalar_one())

    with _set(migrated_url, level, "synchronous_commit", value):
        database = PostgresqlDatabase(migrated_url)
        await database.write(show)
        await database.write(show, urgent=True)
        await database.read(show)
        check_postgresql(migrated_url)
    with _set(migrated_url, "server", "synchronous_commit", "off"):
        await database.write(show)
    database.close()
    assert shown == ["on"] * 4
    assert [one.message for one in caplog.records] == ["database.synchronous_commit_was_off"]


async def test_a_stricter_commit_stays_as_it_is(migrated_url: str, postgresql_server: PostgresqlServer):
    """remote_apply is not turned into on."""
    with _set(migrated_url, "database", "synchronous_commit", "remote_apply"):
        database = PostgresqlDatabase(migrated_url)
        shown = await database.write(
            lambda tx: tx.connection.execute(text("SHOW synchronous_commit")).scalar_one()
        )
        database.close()
    assert shown == "remote_apply"


async def test_a_server_that_does_not_sync_is_refused(migrated_url: str, postgresql_server: PostgresqlServer):
    """At start and by migrate with a sentence; a running node takes no new connection, and a reload heals it."""
    database = PostgresqlDatabase(migrated_url)
    with _set(migrated_url, "server", "fsync", "off"):
        for step in (check_postgresql, migrate_postgresql):
            with pytest.raises(StartRefused, match="fsync off"):
                step(migrated_url)
        with pytest.raises(DatabaseUnfit, match="fsync off"):
            await database.write(lambda tx: tx.now())
    await database.write(lambda tx: tx.now())
    database.close()


async def test_torn_pages_are_warned_of(
    migrated_url: str, postgresql_server: PostgresqlServer, caplog: pytest.LogCaptureFixture
):
    """Some file systems do without full_page_writes, so it is a line and no refusal."""
    caplog.set_level(logging.WARNING)
    with _set(migrated_url, "server", "full_page_writes", "off"):
        for _ in range(2):
            check_postgresql(migrated_url)
    assert [one.message for one in caplog.records] == ["database.full_page_writes_off"]


@pytest.mark.parametrize("level", ["role", "database", "server"])
async def test_a_database_that_takes_no_writes_is_refused(
    migrated_url: str, postgresql_server: PostgresqlServer, level: str
):
    """It is how an operator fences a database: each new connection sees it, and so does a start."""
    database = PostgresqlDatabase(migrated_url)
    with _set(migrated_url, level, "default_transaction_read_only", "on"):
        for step in (check_postgresql, migrate_postgresql):
            with pytest.raises(StartRefused, match="takes no writes from this user"):
                step(migrated_url)
        for call in (database.write, database.read):
            with pytest.raises(DatabaseUnfit, match="takes no writes"):
                await call(lambda tx: tx.now())
        with pytest.raises(DatabaseUnfit, match="takes no writes"):
            await database.check()
    await database.write(lambda tx: tx.now())
    database.close()


async def test_a_service_that_knows_no_wal_files_is_known_by_its_start(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Where the functions are forbidden or not there, a line says that the timeline is unknown, and it works."""
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(postgresql_connection, "_TIMELINE", "pg_no_such_function()")
    connection = postgresql_connection.connect(migrated_url)
    assert (connection.identity.timeline, connection.identity.system_identifier) == (None, None)
    assert connection.identity.started_at is not None
    connection.close()
    assert [one.message for one in caplog.records] == ["database.timeline_unknown"]


def test_a_connection_knows_the_history_that_it_speaks_to(
    migrated_url: str, postgresql_server: PostgresqlServer
):
    """System identifier, timeline and start; equal for two connections to one server."""
    one, other = (postgresql_connection.connect(migrated_url) for _ in range(2))
    assert one.identity == other.identity
    assert one.identity.timeline == "00000001"
    assert isinstance(one.identity.system_identifier, int)
    assert one.serial < other.serial
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("user", "database", "reason"),
    [
        ("nobody", None, 'role "nobody" does not exist'),
        ("postgres", "nothing", 'database "nothing" does not exist'),
        ("guarded:wr0ng", None, 'password authentication failed for user "guarded"'),
        ("guarded", None, "no password supplied"),
        ("locked", None, 'role "locked" is not permitted to log in'),
    ],
)
def test_a_wrong_user_password_or_database_is_named_and_no_password_is(
    migrated_url: str, postgresql_server: PostgresqlServer, user: str, database: str | None, reason: str
):
    """A start is refused with PostgreSQL's reason and the remedy; a server that is down is waited for instead."""
    url = f"postgresql://{user}@/{database or name_of(migrated_url)}?host={postgresql_server.folder}"
    with _roles(postgresql_server), pytest.raises(StartRefused) as refused:
        check_postgresql(url)
    assert reason in str(refused.value)
    assert "Correct user, password or database" in str(refused.value)
    assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("step", "filled"),
    [
        (migrate_postgresql, False),
        (create_postgresql, False),
        (migrate_postgresql, True),
        (create_postgresql, True),
        (check_postgresql, True),
    ],
)
def test_a_database_that_another_user_made_is_refused(
    postgresql_server: PostgresqlServer, *, step: Callable[[str], None], filled: bool
):
    """As ``createdb`` and a restored dump leave it: its owner is the superuser, and the remedy is one statement."""
    own = postgresql_server.new_database()
    if filled:
        migrate_postgresql(own)
    url = f"postgresql://guarded@/{name_of(own)}?host={postgresql_server.folder}"
    with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guarded LOGIN")
    try:
        with pytest.raises(StartRefused) as refused:
            step(url)
    finally:
        postgresql_server.drop(own)
        with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE guarded")
    assert "permission denied" in str(refused.value)
    assert "ALTER DATABASE vault OWNER TO vault" in str(refused.value)


def test_a_schema_that_another_user_made_is_refused(postgresql_server: PostgresqlServer):
    """As DROP SCHEMA and CREATE SCHEMA by the superuser leave the database: a sentence, no traceback."""
    own = postgresql_server.new_database()
    url = f"postgresql://guarded@/{name_of(own)}?host={postgresql_server.folder}"
    with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guarded LOGIN")
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    try:
        with pytest.raises(StartRefused, match="ALTER SCHEMA public OWNER TO vault"):
            create_postgresql(url)
    finally:
        postgresql_server.drop(own)
        with psycopg.connect(postgresql_server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE guarded")


@contextmanager
def _roles(server: PostgresqlServer) -> Iterator[None]:
    """Have a role with a password and one without LOGIN to the end of the block."""
    file = server.folder / "pg_hba.conf"
    before = file.read_text()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        connection.execute("CREATE ROLE locked NOLOGIN")
        file.write_text(f"local all guarded scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        try:
            # The postmaster reads the file a moment after the function has returned.
            wait_for(lambda: _asks_for_a_password(server))
            yield
        finally:
            file.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE guarded, locked")


def _asks_for_a_password(server: PostgresqlServer) -> bool:
    try:
        psycopg.connect(f"postgresql://guarded@/postgres?host={server.folder}").close()
    except psycopg.OperationalError as error:
        return "password" in str(error)
    return False
