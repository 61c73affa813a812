"""Fixtures of databases. What they need is imported when a test asks for one: pure code is tested without."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.postgresql import PostgresqlServer
    from vault.database.engines.postgresql import PostgresqlDatabase
    from vault.database.engines.sqlite import SqliteDatabase


@pytest.fixture(scope="session")
def postgresql_server() -> "Iterator[PostgresqlServer]":
    """A PostgreSQL server that lives as long as the session.

    Without autovacuum: some tests count transactions, and its own would be among them.
    """
    from tests.servers.postgresql import postgresql_running

    with postgresql_running("autovacuum=off") as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: "PostgresqlServer") -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = postgresql_server.new_database()
    yield url
    postgresql_server.drop(url)


@pytest.fixture(scope="session")
def migrated(postgresql_server: "PostgresqlServer") -> str:
    """The name of a database that has the schema and no row, to make others from."""
    from tests.servers.postgresql import name_of
    from vault.database.engines.migrate import migrate_postgresql

    url = postgresql_server.new_database()
    migrate_postgresql(url)
    return name_of(url)


@pytest.fixture
def sqlite(tmp_path: Path) -> "Iterator[SqliteDatabase]":
    """An empty SQLite database."""
    from vault.database.engines.sqlite import SqliteDatabase

    database = SqliteDatabase(tmp_path / "data" / "vault.db")
    yield database
    database.close()


@pytest.fixture
def migrated_databases(
    postgresql_server: "PostgresqlServer", migrated: str
) -> Callable[[], AbstractContextManager[str]]:
    """A function that makes a database with the schema in place, for a while, and gives its URL."""

    @contextmanager
    def migrated_database() -> Iterator[str]:
        url = postgresql_server.new_database(template=migrated)
        yield url
        postgresql_server.drop(url)

    return migrated_database


@pytest.fixture
def migrated_url(migrated_databases: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The URL of a database of this test's own, with the schema in place."""
    with migrated_databases() as url:
        yield url


@pytest.fixture
def postgresql(migrated_url: str) -> "Iterator[PostgresqlDatabase]":
    """An empty PostgreSQL database with the schema in place."""
    from vault.database.engines.postgresql import PostgresqlDatabase

    database = PostgresqlDatabase(migrated_url)
    yield database
    database.close()


@pytest.fixture
def other_node(migrated_url: str, postgresql: "PostgresqlDatabase") -> "Iterator[PostgresqlDatabase]":
    """The way of a second node to the same database."""
    from vault.database.engines.postgresql import PostgresqlDatabase

    database = PostgresqlDatabase(migrated_url)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> "SqliteDatabase | PostgresqlDatabase":
    """An empty database of either kind: what passes on one must pass on the other."""
    opened: SqliteDatabase | PostgresqlDatabase = request.getfixturevalue(request.param)
    return opened
