"""What an operator's command changes: those that read nothing at all, and only ``migrate`` the schema."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command as alembic
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from vault.cli.operator import operate
from vault.composition.assemble import assemble, migrate
from vault.control.commands import START_MODES
from vault.control.socket import perform
from vault.database.engines.migrate import alembic_config
from vault.database.engines.read_only import ReadOnlyDatabase
from vault.database.interface import Database
from vault.database.sql.postgresql_url import engine_url
from vault.domain.start_mode import ReadOnly, StartMode
from vault.errors import NotFound, StartRefused, VaultError
from vault.objects.read_only import ReadOnlyStore
from vault.ports.objects import ObjectStore
from vault.settings import Settings, read_settings

OLDER = "0045"
_ALL = "SELECT * FROM "
#: Arguments of the commands that read: a new one needs a row.
ARGUMENTS: dict[str, Any] = {
    "hello": {},
    "fsck": {"sample": 9, "rate": 0, "place": {}},
    "accounts.closure": {"account": "acme"},
    "requests.list": {"account": "acme", "state": None},
    "sign-in.show": {},
    "sign-in.people": {},
    "move.receipt": {"account": "acme"},
}


@dataclass
class Place:
    """A database, and a directory of objects."""

    folder: Path
    url: str | None

    @property
    def settings(self) -> Settings:
        """Return the settings of a vault there."""
        more = {} if self.url is None else {"VAULT_DATABASE_URL": self.url}
        return read_settings({"VAULT_DATA_DIR": str(self.folder / "data"), **more})

    def rows(self) -> dict[str, list[str]]:
        """Return the rows of every table, in no order."""
        if self.url is not None:
            with psycopg.connect(self.url) as connection:
                query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                names = [name for (name,) in connection.execute(query)]
                return {name: sorted(map(str, connection.execute(_ALL + name))) for name in names}  # type: ignore[arg-type]
        path = self.folder / "data" / "vault.db"
        if not path.exists():
            return {}
        with closing(sqlite3.connect(path)) as connection:
            names = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='table'")
            ]
            return {name: sorted(map(str, connection.execute(_ALL + name))) for name in names}

    def files(self) -> dict[str, bytes]:
        """Return every file but those of the database."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and "vault.db" not in path.name]
        return {str(path): path.read_bytes() for path in found}

    def migrate_to(self, revision: str) -> None:
        """Bring an empty database to an older schema."""
        if self.url is None:
            (self.folder / "data").mkdir()
        url = f"sqlite:///{self.folder}/data/vault.db" if self.url is None else engine_url(self.url)
        with create_engine(url, poolclass=NullPool).begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            alembic.upgrade(config, revision)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    return Place(tmp_path, url)


def a_vault(place: Place) -> None:
    """Make a vault with an account, and anchor its log."""

    async def make() -> None:
        async with assemble(place.settings, describing=False) as vault:
            await vault.accounts.accounts.open("acme", name="Acme", locale="en", actor="operator")
            await vault.jobs.log_publisher.sequence()
            await perform(vault, "log.head", {})
            await vault.jobs.write_account_objects()

    migrate(place.settings)
    asyncio.run(make())


def test_a_command_that_reads_changes_nothing(place: Place):
    """On a vault that no node runs: no row, no object, no file; also where the answer is an error."""
    a_vault(place)
    before = place.rows(), place.files()
    reading = [name for name, mode in START_MODES.items() if mode is StartMode.READ]
    assert sorted(reading) == sorted(ARGUMENTS)
    for name in reading:
        try:
            operate(place.settings, name, ARGUMENTS[name])
        except NotFound:
            assert name in {"sign-in.show", "accounts.closure", "move.receipt"}
        assert (place.rows(), place.files()) == before, name


def test_an_empty_place_stays_empty(place: Place):
    """A mistyped URL is an error: neither schema nor vault, objects nor directories are made."""
    for name in sorted(set(START_MODES) - {"keys.create", "restore"}):
        with pytest.raises(StartRefused, match=r"There is no database|callvault migrate"):
            operate(place.settings, name, ARGUMENTS.get(name, {}))
    assert place.rows() == {}
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["fsck", "sweep"])
def test_a_database_without_a_vault_stays_so(place: Place, name: str):
    """With the schema alone, nothing becomes a vault but by a node, a first key or a restore."""
    migrate(place.settings)
    before = place.rows()
    with pytest.raises(StartRefused, match="There is no vault in this database"):
        operate(place.settings, name, ARGUMENTS.get(name, {}))
    assert place.rows() == before
    assert place.files() == {}


def test_no_command_migrates(place: Place):
    """On an older schema each says which command does, and the nodes of the older release go on."""
    place.migrate_to(OLDER)
    before = place.rows()
    for name in sorted(START_MODES):
        with pytest.raises(StartRefused, match="callvault migrate"):
            operate(place.settings, name, ARGUMENTS.get(name, {}))
    assert place.rows() == before
    assert before["alembic_version"] == [f"('{OLDER}',)"]


def test_another_prefix_is_named(place: Place):
    """A directory that has no marker of the vault is not taken for its object store, and gets none."""
    a_vault(place)
    other = place.folder / "other"
    settings = read_settings(
        {
            "VAULT_DATA_DIR": str(place.folder / "data"),
            "VAULT_OBJECTS_URL": f"file://{other}",
            **({} if place.url is None else {"VAULT_DATABASE_URL": place.url}),
        }
    )
    with pytest.raises(StartRefused, match="There is no object store at"):
        operate(settings, "fsck", ARGUMENTS["fsck"])
    assert not other.exists()
    other.mkdir()
    with pytest.raises(StartRefused, match=r"no marker owner\.json"):
        operate(settings, "fsck", ARGUMENTS["fsck"])
    assert [path for path in other.rglob("*") if path.is_file()] == []


def test_a_command_that_nobody_declared_does_not_run(tmp_path: Path):
    """Neither before a vault is opened, nor in a server."""
    with pytest.raises(NotFound, match=r"no command .keys\.forget."):
        operate(read_settings({"VAULT_DATA_DIR": str(tmp_path)}), "keys.forget", {})
    vault: Any = None
    with pytest.raises(NotFound, match=r"no command .keys\.forget."):
        asyncio.run(perform(vault, "keys.forget", {}))


def test_everything_that_writes_is_refused():
    """Each method of both ports either reads, or is refused by the classes for commands that read."""
    reads = {"signals", "read", "fetch", "is_valid", "check"}
    methods = {name for name in vars(Database) if not name.startswith("_")}
    assert methods - reads == {name for name in vars(ReadOnlyDatabase) if not name.startswith("_")}
    assert {name for name in vars(ObjectStore) if not name.startswith("_")} <= set(vars(ReadOnlyStore))


async def test_a_refusal_of_the_classes_is_one_sentence():
    """It is an error of the vault's own, which the command line prints without a traceback."""
    store: Any = None
    with pytest.raises(ReadOnly, match="did not change owner"):
        await ReadOnlyStore(store).put("owner.json", b"")
    with pytest.raises(ReadOnly, match="only reads"):
        await ReadOnlyDatabase().write(None)
    assert issubclass(ReadOnly, VaultError)
