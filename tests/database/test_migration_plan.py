"""What ``callvault migrate --plan`` says before anything changes, and when the command asks."""

import re
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner, Result

from tests.database.test_schema_range import HEAD
from vault.cli import migrate as command
from vault.cli.main import app
from vault.database.engines.migrate import alembic_config, migrate_postgresql
from vault.database.engines.migration_plan import RELEASES, plan_postgresql, plan_sqlite
from vault.database.sql.postgresql_url import engine_url
from vault.errors import StartRefused

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def bring(url: str, revision: str, *, oldest: str | None = None) -> None:
    """Bring an empty database to a schema, as a release with it did."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        alembic.upgrade(config, revision)
        if oldest is not None:
            row = {"name": "oldest_schema_served", "value": oldest.encode()}
            connection.execute(text("INSERT INTO vault_metadata (name, value) VALUES (:name, :value)"), row)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A data directory whose file has the schema of 0.2.0."""
    bring(f"sqlite:///{tmp_path}/vault.db", RELEASES["0.2.0"])
    return tmp_path


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: False)


def run(folder: Path, *options: str, typed: str = "") -> Result:
    """Run the command on a data directory."""
    environment = {"VAULT_DATA_DIR": str(folder), "VAULT_DATABASE_URL": "sqlite"}
    return CliRunner().invoke(app, ["migrate", *options], env=environment, input=typed)


def test_a_plan_names_schemas_and_releases(postgresql_url: str):
    """Of a release whose nodes stop, of one that goes on, and of an empty database; nothing is written."""
    assert plan_postgresql(postgresql_url).current is None
    assert not plan_postgresql(postgresql_url).stops_nodes
    bring(engine_url(postgresql_url), RELEASES["0.1.0"])
    plan = plan_postgresql(postgresql_url)
    assert (plan.current, plan.target, plan.oldest_now) == ("0002", HEAD, "0002")
    assert (plan.stops_nodes, plan.stops_all, list(plan.stopped_releases)) == (True, True, ["0.1.0", "0.2.0"])
    assert plan.revisions[0][0] == "0003"
    assert plan_postgresql(postgresql_url).current == "0002"
    migrate_postgresql(postgresql_url)
    assert not plan_postgresql(postgresql_url).revisions


def test_a_schema_that_serves_the_nodes_before_it_stops_none(postgresql_url: str):
    """From 0044 on, as 0045 and 0046 say: nodes of 0044 go on, so nothing is asked."""
    bring(engine_url(postgresql_url), "0044", oldest="0044")
    plan = plan_postgresql(postgresql_url)
    assert [number for number, _ in plan.revisions][:2] == ["0045", "0046"]
    assert plan.stops_nodes == (plan.oldest_then > "0044")


def test_the_command_shows_the_plan_and_changes_nothing(older: Path):
    """One line for each revision, and the releases that stop by name."""
    before = (older / "vault.db").read_bytes()
    shown = run(older, "--plan")
    assert shown.exit_code == 0
    assert re.search(r"^schema now +0009$", shown.stdout, re.MULTILINE)
    assert re.search(rf"^schema then +{HEAD}$", shown.stdout, re.MULTILINE)
    assert "revision       0010 wrap recording keys by month" in shown.stdout
    assert re.search(r"^nodes stopped .* 0\.2\.0$", shown.stdout, re.MULTILINE)
    assert (older / "vault.db").read_bytes() == before
    assert plan_sqlite(older / "vault.db").current == "0009"


def test_on_a_terminal_it_asks_before_nodes_stop(older: Path, monkeypatch: pytest.MonkeyPatch):
    """A no changes nothing; --yes does not ask, and a migration that stops nobody does not either."""
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    refused = run(older, typed="n\n")
    assert refused.exit_code == 1
    assert "Migrate, although nodes stop?" in refused.stdout
    assert plan_sqlite(older / "vault.db").current == "0009"
    done = run(older, "--yes")
    assert (done.exit_code, done.stdout) == (0, "The database has the schema of this release.\n")
    again = run(older)
    assert (again.exit_code, again.stdout) == (0, "The database has the schema of this release.\n")


def test_without_a_terminal_it_does_not_ask(older: Path):
    """A job of a deployment has nobody to ask."""
    assert run(older).exit_code == 0
    assert plan_sqlite(older / "vault.db").current == HEAD


def test_a_plan_of_nothing_is_an_error(tmp_path: Path):
    """There is no file, and afterwards there is none."""
    with pytest.raises(StartRefused, match="There is no database"):
        plan_sqlite(tmp_path / "vault.db")
    assert list(tmp_path.iterdir()) == []


def test_every_release_is_in_the_table():
    """A dated section of the changelog is a release: without its schema, a plan could not name it."""
    dated = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", CHANGELOG.read_text(), re.MULTILINE)
    assert sorted(dated) == sorted(RELEASES)
