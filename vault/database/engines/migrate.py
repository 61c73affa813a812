"""Migrate a database to this release's schema, with Alembic, and say which schemas this release serves.

A migration expands: the release before it keeps working on the new schema, so that old and new nodes run together
while a fleet is updated. Each revision names the oldest schema whose release may keep running (``serves``), and the
database keeps that name, because an older release does not have the newer revisions. What a revision leaves unused is
removed by a later release (expand and contract).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from vault.database.engines.postgresql_connection import connect
from vault.database.sql.postgresql_url import described_host
from vault.domain.progress import MARK, NEW_MARK
from vault.errors import DatabaseUnfit, StartRefused, Unavailable, VaultError

_SCRIPTS = Path(__file__).parents[1] / "migrations"
#: The key of the advisory lock: one migration at a time among all nodes.
_MIGRATION_LOCK = 0x63616C6C76617574
#: In ``vault_metadata``: the oldest schema whose release may run on this database.
_OLDEST = "oldest_schema_served"
#: In the message of a server that answers, and does not let this user in. libpq gives no SQLSTATE for it.
_REFUSALS = (
    "password authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry",
    "not permitted to log in", "eer authentication failed", "permission denied for database",
)  # fmt: skip
#: SQLSTATEs of a statement that this user may not run, and of one without a schema in which he may create.
_NO_PRIVILEGE = frozenset({"42501", "3F000"})


def migrate_sqlite(path: Path, *, restoring: bool = False) -> None:
    """Create or upgrade the SQLite file in one transaction; the caller must hold its lock.

    With ``restoring`` a new schema gets the mark of a restore: until that has ended, no request is served.

    The driver would commit before each CREATE TABLE, so this sends BEGIN and COMMIT itself.
    """
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, isolation_level=None),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            _upgrade(connection, restoring=restoring)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def check_sqlite(path: Path) -> None:
    """Raise StartRefused unless this release serves the schema of the file; the caller must hold its lock."""
    with sqlite_connection(path) as connection:
        _compare(connection, MigrationContext.configure(connection).get_current_revision())


@contextmanager
def sqlite_connection(path: Path) -> Iterator[Connection]:
    """Open an existing file to read its schema. Raises StartRefused for a missing file."""
    require_file(path)
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def require_file(path: Path) -> None:
    """Raise StartRefused for a missing file."""
    if not path.exists():
        raise StartRefused(
            f"There is no database at {path}, so nothing was changed. Correct VAULT_DATA_DIR or VAULT_DATABASE_URL; "
            "`callvault serve` makes a new vault."
        )


def migrate_postgresql(url: str, *, restoring: bool = False) -> None:
    """Create or upgrade the PostgreSQL schema, one node at a time; ``restoring`` as for SQLite.

    Raises Unavailable, StartRefused.
    """
    with postgresql_connection(url) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        _upgrade(connection, restoring=restoring)


def create_postgresql(url: str) -> None:
    """Create the schema, with the mark of a restore, in an empty database.

    Raises StartRefused for an existing schema that this release does not serve, Unavailable.
    """
    with postgresql_connection(url) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current is None:
            _upgrade(connection, restoring=True)
        else:
            _compare(connection, current)


def check_postgresql(url: str) -> None:
    """Raise StartRefused unless this release serves the schema; Unavailable if the server does not answer."""
    with postgresql_connection(url) as connection:
        _compare(connection, MigrationContext.configure(connection).get_current_revision())


def check_schema(connection: Connection) -> None:
    """Raise StartRefused unless this release serves the existing schema. Costs one small read."""
    _compare(connection, connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def _compare(connection: Connection, current: str | None) -> None:
    if current == _head():
        return
    if current is not None and current not in revisions():
        check_newer(connection, current)
        return
    instead = (
        "" if current else " In the place of a lost database run `callvault restore`: it makes the schema."
    )
    raise StartRefused(
        f"The database is at schema {current or 'none'}, and this release needs {_head()}: run `callvault migrate` "
        "once, then start again. `callvault migrate --plan` shows first what it changes and which nodes it stops."
        + instead
    )


def check_newer(connection: Connection, current: str) -> None:
    """Raise StartRefused unless the newer release that made the schema lets this one keep running on it."""
    oldest, head = oldest_served(connection), _head()
    if oldest is None or head is None or oldest > head:
        raise StartRefused(
            f"The database is at schema {current}, which this release does not know: it was used by a newer "
            "release. Start that release, or restore an older backup."
        )


def oldest_served(connection: Connection) -> str | None:
    """Return the oldest schema whose release may run on this database; None if no release stored it."""
    query = text("SELECT value FROM vault_metadata WHERE name = :name")
    stored = connection.execute(query, {"name": _OLDEST}).scalar()
    return None if stored is None else bytes(stored).decode()


@contextmanager
def postgresql_connection(url: str) -> Iterator[Connection]:
    """Connect without timeouts, because a migration may take long. Raises StartRefused, Unavailable."""
    host = described_host(url)
    engine = create_engine("postgresql+psycopg://", poolclass=NullPool)

    @event.listens_for(engine, "do_connect")
    def connect_once(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> Any:
        return connect(url, timeouts=False, context=parameters.get("context"))

    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseUnfit as error:
        raise _refusal(error, host) from error
    except OperationalError as error:
        raise _no_connection(error, host) from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _NO_PRIVILEGE:
            raise
        raise _no_privilege(error, host) from error


def _refusal(error: DatabaseUnfit, host: str) -> VaultError:
    """Return the error for an unsuitable database, with the remedy for the operator."""
    if error.kind == "standby":
        if ", " in host:
            return Unavailable(
                f"None of the servers {host} takes writes: they are standbys, or do not answer.",
                cause="database",
            )
        return StartRefused(
            f"The database at {host} is a read-only standby. Point VAULT_DATABASE_URL at the primary, or name all "
            "servers in it: postgresql://vault@db1,db2/vault?target_session_attrs=read-write."
        )
    if error.kind == "read_only":
        return StartRefused(
            f"The database at {host} takes no writes from this user: default_transaction_read_only is on. Use the "
            "vault's own database user, or set default_transaction_read_only to off."
        )
    if error.kind == "fsync":
        return StartRefused(
            f"The database at {host} runs with fsync off, so acknowledged commits can be lost. Set fsync = on in "
            "postgresql.conf and reload."
        )
    return StartRefused(
        f"A connection pooler stands before the database at {host}, and drops the timeouts that the vault sets. "
        "Connect to PostgreSQL directly: the vault has its own connection pool."
    )


def _no_connection(error: OperationalError, host: str) -> VaultError:
    """Return the error for a server that does not answer, or does not let this user in.

    PostgreSQL names the user and the database in its message, never the password.
    """
    message = str(error.orig).strip().splitlines()[0].rpartition("failed: ")[2]
    reason = message.removeprefix("FATAL:").strip()
    if any(refusal in reason for refusal in _REFUSALS):
        return StartRefused(
            f"The database at {host} refuses the connection: {reason}. Correct user, password or database in "
            "VAULT_DATABASE_URL (the password may also come from PGPASSWORD or a password file), or create them."
        )
    return Unavailable(f"The database at {host} does not answer: {reason}", cause="database")


def _no_privilege(error: ProgrammingError, host: str) -> StartRefused:
    """Return the error for a database that was made by another user, which ``createdb`` makes its owner."""
    reason = str(error.orig).strip().splitlines()[0]
    return StartRefused(
        f"The database at {host} does not let this user work in it: {reason}. Make the user of VAULT_DATABASE_URL its "
        "owner (as a superuser: ALTER DATABASE vault OWNER TO vault), and owner of its schema public (ALTER SCHEMA "
        "public OWNER TO vault) and of its tables if it has any."
    )


def alembic_config() -> Config:
    """Return the configuration that names the revisions."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())  # It imports every revision, in 0.1 s.


def _head() -> str | None:
    return _scripts().get_current_head()


@cache
def revisions() -> dict[str, str]:
    """Return each revision with the oldest schema whose release keeps working on it; by default none but its own."""
    scripts = _scripts().walk_revisions()
    return {script.revision: getattr(script.module, "serves", script.revision) for script in scripts}


def _upgrade(connection: Connection, *, restoring: bool) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in revisions():
        check_newer(connection, current)
        return
    if current != _head():
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if current is None and restoring:
        # In the transaction of the schema: running nodes never see this database without it.
        mark = {"name": MARK, "value": NEW_MARK}
        connection.execute(text("INSERT INTO vault_metadata (name, value) VALUES (:name, :value)"), mark)
    # The whole chain: a release that one revision excludes is not served by the next.
    oldest = {"name": _OLDEST, "value": max(revisions().values()).encode()}
    stored = connection.execute(text("SELECT value FROM vault_metadata WHERE name = :name"), oldest).scalar()
    if stored is None or bytes(stored) != oldest["value"]:
        connection.execute(text("DELETE FROM vault_metadata WHERE name = :name"), oldest)
        connection.execute(text("INSERT INTO vault_metadata (name, value) VALUES (:name, :value)"), oldest)
