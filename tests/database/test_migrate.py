"""Migrations: they make exactly the schema of this release, all of it or nothing, one node at a time."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.support.database_rows import NOW, announcement, open_account
from vault.database.engines.migrate import (
    alembic_config,
    check_postgresql,
    migrate_postgresql,
    migrate_sqlite,
)
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import metadata
from vault.database.sql.postgresql_url import engine_url
from vault.database.stores.calls.call_changes import BEGINNING
from vault.database.stores.calls.call_facts import CallFactRow
from vault.errors import StartRefused, Unavailable

#: In microseconds since 1970: a time at which a call can have been.
IN_2001 = 10**15


def differences(url) -> list:
    """Return what autogenerate would still change."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_migrations_make_the_schema_on_sqlite(tmp_path: Path):
    """Alembic finds no difference between the migrated file and schema.py, and a second run none to make."""
    for _ in range(2):
        migrate_sqlite(tmp_path / "vault.db")
        assert differences(f"sqlite:///{tmp_path}/vault.db") == []


def test_migrations_make_the_schema_on_postgresql(postgresql_url: str):
    """Alembic finds no difference there either, and the check that ``serve`` makes passes only then."""
    with pytest.raises(StartRefused, match="callvault migrate"):
        check_postgresql(postgresql_url)
    migrate_postgresql(postgresql_url)
    assert differences(engine_url(postgresql_url)) == []
    check_postgresql(postgresql_url)


def test_a_newer_sqlite_schema_is_refused(tmp_path: Path):
    """A file that a newer release used is left as it is."""
    migrate_sqlite(tmp_path / "vault.db")
    connection = sqlite3.connect(tmp_path / "vault.db", isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("DELETE FROM vault_metadata")  # The name of a release that may go on.
    with pytest.raises(StartRefused, match="newer release"):
        migrate_sqlite(tmp_path / "vault.db")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_newer_postgresql_schema_is_refused(postgresql_url: str):
    """Neither migrating nor starting goes on with a schema that this release does not know."""
    migrate_postgresql(postgresql_url)
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("DELETE FROM vault_metadata")
    for step in (migrate_postgresql, check_postgresql):
        with pytest.raises(StartRefused, match="9999"):
            step(postgresql_url)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path):
    """When the last table cannot be made, none of the others is there, and the next start can succeed."""
    path = tmp_path / "vault.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE vault_metadata (x)")
    with pytest.raises(Exception, match="already exists"):
        migrate_sqlite(path)
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("vault_metadata",)]
    connection.execute("DROP TABLE vault_metadata")
    connection.close()
    migrate_sqlite(path)
    assert differences(f"sqlite:///{path}") == []


def test_two_nodes_migrate_at_once(postgresql_url: str):
    """Six nodes that start at one moment all come up, on one schema."""
    with ThreadPoolExecutor(6) as nodes:
        list(nodes.map(migrate_postgresql, [postgresql_url] * 6))
    check_postgresql(postgresql_url)
    assert differences(engine_url(postgresql_url)) == []


async def test_without_a_server_nothing_starts(postgresql_server):
    """Both steps say Unavailable and name the host, and no user, password or database of the URL."""
    url = postgresql_server.url("postgres").replace(str(postgresql_server.folder), "/nowhere")
    for step in (migrate_postgresql, check_postgresql):
        with pytest.raises(Unavailable) as error:
            await asyncio.to_thread(step, url)
        assert "nowhere" in str(error.value)
        assert "postgresql:" not in str(error.value)


def test_every_account_object_is_due_after_the_names_changed(tmp_path: Path):
    """An object under the name of an earlier release is written again under a name with its history."""
    path = tmp_path / "vault.db"
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as made:
        config = alembic_config()
        config.attributes["connection"] = made
        command.upgrade(config, "0007")
        made.exec_driver_sql(
            "INSERT INTO accounts (id, ref, name, locale, opened_at, wrapped_index_key, index_key_version, enabled, "
            "epoch, changed_at, changed_by, revision, written_revision) VALUES ('acct_a', 'a', 'A', 'en', "
            "'2026-01-01', x'00', 1, 1, 0, '2026-01-01', 'x', 7, 7)"
        )
    migrate_sqlite(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT revision, written_revision FROM accounts").fetchall() == [(7, -1)]
    connection.close()


def test_restrictions_keep_their_requests(tmp_path: Path):
    """A recording that one request restricts can be restricted for others too."""
    path = tmp_path / "vault.db"
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as made:
        config = alembic_config()
        config.attributes["connection"] = made
        command.upgrade(config, "0045")
        made.exec_driver_sql(
            "INSERT INTO person_restrictions (recording_id, request_id) VALUES ('rec_1', 'req_1')"
        )
    migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO person_restrictions (recording_id, request_id) VALUES ('rec_1', 'req_2')"
        )
        rows = connection.execute("SELECT * FROM person_restrictions ORDER BY request_id").fetchall()
        assert rows == [("rec_1", "req_1"), ("rec_1", "req_2")]


def without_later_columns(path: Path) -> None:
    """Undo what revisions after 0046 add, so that an earlier release's version can be set."""
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as made:
        config = alembic_config()
        config.attributes["connection"] = made
        command.downgrade(config, "0046")


async def test_recordings_get_the_times_of_their_calls(tmp_path: Path):
    """Of the earliest and the latest that their facts have; a recording with its own keeps it."""
    path = tmp_path / "vault.db"
    database = SqliteDatabase(path)
    await open_account(database)
    for ref in ("lacks", "has", "without"):
        await database.announce(announcement(ref, call_ref=ref))
    database.close()
    without_later_columns(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE recordings SET call_started_at = NULL, call_ended_at = NULL, manifest_due = 0"
        )
        connection.execute("UPDATE recordings SET state = 'available', policy_version = 7")
        connection.execute(
            "UPDATE recordings SET call_started_at = ? + 5, call_ended_at = ? + 6 WHERE call_ref = 'has'",
            (IN_2001, IN_2001),
        )
        for number, ref, started, ended in ((1, "lacks", 20, 40), (2, "lacks", 10, 30), (3, "has", 1, 9)):
            connection.execute(
                "INSERT INTO call_facts (id, account_id, call_ref, delivery, at, started_at, ended_at, sealed_facts, "
                "key_version) SELECT ?, account_id, ?, ?, 0, ?, ?, x'00', 1 FROM recordings LIMIT 1",
                (f"fact_{number}", ref, f"d{number}", IN_2001 + started, IN_2001 + ended),
            )
        connection.execute("DROP TABLE person_package_recordings")
        connection.execute("DROP TABLE pending_call_erasures")
        connection.execute("UPDATE alembic_version SET version_num = '0040'")
    migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT call_ref, call_started_at, call_ended_at, manifest_due, policy_version FROM recordings ORDER BY 1"
        )
        assert rows.fetchall() == [
            ("has", IN_2001 + 5, IN_2001 + 6, 0, 7),
            ("lacks", IN_2001 + 10, IN_2001 + 40, 1, -2),
            ("without", None, None, 0, 7),
        ]


async def test_recordings_with_an_impossible_time_are_computed_again(tmp_path: Path):
    """The terms that an earlier release computed from it count no more; those of the others do."""
    path = tmp_path / "vault.db"
    database = SqliteDatabase(path)
    await open_account(database)
    times = {
        "usual": (IN_2001, None),
        "zero": (0, None),
        "far": (None, 4_133_980_800_000_000),
        "none": (None, None),
    }
    for ref in times:
        await database.announce(announcement(ref, call_ref=ref))
    database.close()
    without_later_columns(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for ref, (started, ended) in times.items():
            connection.execute(
                "UPDATE recordings SET call_started_at = ?, call_ended_at = ?, policy_version = 7 WHERE call_ref = ?",
                (started, ended, ref),
            )
        connection.execute("UPDATE alembic_version SET version_num = '0044'")
    migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT call_ref, policy_version FROM recordings")
        assert dict(rows.fetchall()) == {"usual": 7, "zero": -1, "far": -1, "none": 7}


async def test_calls_of_an_earlier_release_come_first_among_changes(tmp_path: Path):
    """Each once, however many facts it has, and before what changes after the upgrade."""
    path = tmp_path / "vault.db"
    database = SqliteDatabase(path)
    await open_account(database)
    for number, ref in enumerate(("b", "a", "b")):
        row = CallFactRow(
            id=f"fact_{number}", account_id="acct_a", call_ref=ref, delivery=f"d{number}", at=NOW,
            started_at=None, ended_at=None, sealed_facts=b"sealed", key_version=1,
        )  # fmt: skip
        await database.write(lambda tx, row=row: tx.call_facts.add(row))
    database.close()
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as made:
        config = alembic_config()
        config.attributes["connection"] = made
        command.downgrade(config, "0072")
    migrate_sqlite(path)
    database = SqliteDatabase(path)
    first = await database.read(lambda tx: tx.call_changes.page("acct_a", BEGINNING, limit=9))
    assert [(one.call_ref, one.place.number, one.erased) for one in first] == [
        ("a", 0, False),
        ("b", 0, False),
    ]
    later = replace(row, id="fact_9", call_ref="c", delivery="d9")
    await database.write(lambda tx: tx.call_facts.add(later))
    rest = await database.read(lambda tx: tx.call_changes.page("acct_a", first[-1].place, limit=9))
    assert [one.call_ref for one in rest] == ["c"]
    database.close()
