"""Releases of two ages on one database: a newer schema is served if its release says so, and no other."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from vault.database.engines import migrate
from vault.database.engines.migrate import check_postgresql, migrate_postgresql, migrate_sqlite
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import StartRefused

VERSIONS = Path(migrate.__file__).parents[1] / "migrations" / "versions"
HASHES = Path(__file__).with_name("revisions.sha256")
HEAD = max(path.name[:4] for path in VERSIONS.glob("0*.py"))

_NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = '9999', '{head}', None, None
serves = '{serves}'


def upgrade():
    op.add_column('accounts', sa.Column('of_the_next_release', sa.Text, nullable=True))
"""


class NextRelease:
    """A release with one more revision, which expands a table."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._scripts, self._patch = folder / "next", patch
        shutil.copytree(VERSIONS.parent, self._scripts, ignore=shutil.ignore_patterns("__pycache__"))

    def serves(self, oldest: str) -> None:
        """Write its revision, which lets the release of schema ``oldest`` and later ones go on."""
        (self._scripts / "versions" / "9999_next.py").write_text(_NEXT.format(head=HEAD, serves=oldest))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the functions of ``migrate`` be those of that release."""
        with self._patch.context() as patch:
            patch.setattr(migrate, "_SCRIPTS", self._scripts)
            _forget()
            yield
        _forget()


def _forget() -> None:
    migrate._scripts.cache_clear()
    migrate.revisions.cache_clear()


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextRelease:
    """Return a release after this one."""
    return NextRelease(tmp_path, monkeypatch)


async def test_an_old_node_goes_on_beside_a_new_one(postgresql_url: str, next_release: NextRelease):
    """After a migration that expands, a node of this release is ready, writes, and can be started again."""
    migrate_postgresql(postgresql_url)
    database = PostgresqlDatabase(postgresql_url)
    try:
        await database.check()
        next_release.serves(HEAD)
        with next_release.running():
            migrate_postgresql(postgresql_url)
            check_postgresql(postgresql_url)
        await database.check()
        await database.write(lambda tx: tx.metadata.put({"a": b"written by the older release"}))
    finally:
        database.close()
    check_postgresql(postgresql_url)
    migrate_postgresql(postgresql_url)  # Of the older release: it leaves the newer schema as it is.
    with next_release.running():
        check_postgresql(postgresql_url)


async def test_a_migration_that_excludes_old_nodes_stops_them(postgresql_url: str, next_release: NextRelease):
    """Where the newer release says that this one cannot go on, its nodes are not ready and do not start."""
    migrate_postgresql(postgresql_url)
    database = PostgresqlDatabase(postgresql_url)
    try:
        next_release.serves("9999")
        with next_release.running():
            migrate_postgresql(postgresql_url)
        with pytest.raises(StartRefused, match="newer release"):
            await database.check()
    finally:
        database.close()
    for step in (check_postgresql, migrate_postgresql):
        with pytest.raises(StartRefused, match="newer release"):
            step(postgresql_url)


async def test_a_new_node_waits_for_the_migration(postgresql_url: str, next_release: NextRelease):
    """The newer release does not start on this schema: it says which command is missing."""
    migrate_postgresql(postgresql_url)
    next_release.serves(HEAD)
    with next_release.running(), pytest.raises(StartRefused, match="callvault migrate"):
        check_postgresql(postgresql_url)


async def test_sqlite_can_go_back_to_the_release_before(tmp_path: Path, next_release: NextRelease):
    """A file that the next release migrated opens under this one, if that release says so."""
    path = tmp_path / "vault.db"
    next_release.serves(HEAD)
    with next_release.running():
        migrate_sqlite(path)
    database = SqliteDatabase(path)
    try:
        await database.check()
        await database.write(lambda tx: tx.metadata.put({"a": b"written by the older release"}))
    finally:
        database.close()


def test_a_release_that_one_revision_excludes_stays_excluded(postgresql_url: str, next_release: NextRelease):
    """A later revision cannot serve what an earlier one broke: the strictest of the chain counts."""
    next_release.serves("0001")
    with next_release.running():
        migrate_postgresql(postgresql_url)
    with psycopg.connect(postgresql_url) as connection:
        row = connection.execute("SELECT value FROM vault_metadata WHERE name = 'oldest_schema_served'")
        assert row.fetchone() == (max(migrate.revisions().values()).encode(),)


def test_a_revision_never_changes_once_it_landed():
    """A database that has a revision does not run it again, so a change would be missing there.

    A new revision is added to the list by: cd vault/database/migrations/versions && sha256sum 0*.py
    """
    listed = dict(reversed(line.split()) for line in HASHES.read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("0*.py")}
    assert found == listed


def test_every_new_revision_names_the_schema_that_it_serves():
    """From 0010 on: without the name, each migration would stop every node of the release before."""
    missing = [
        path.name
        for path in VERSIONS.glob("0*.py")
        if path.name >= "0010" and not re.search(r"^serves = '\d{4}'$", path.read_text(), re.MULTILINE)
    ]
    assert missing == []
