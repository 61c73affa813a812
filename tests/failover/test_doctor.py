"""``callvault doctor`` names who keeps old versions of rows, and what it says ends that; the metrics name it too."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import create_engine
from typer.testing import CliRunner

from tests.servers.postgresql_pair import PostgresqlPair, postgresql_pair, wait_for
from vault.cli.doctor import _length
from vault.cli.main import app
from vault.database.sql.vacuum_horizon import HOLDER_KINDS
from vault.database.transaction import Transaction
from vault.web.routes.node import _of_vacuum

pytestmark = [pytest.mark.xdist_group("doctor"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresqlPair]:
    """A pair whose standby says which snapshots it needs, and whose primary takes prepared transactions."""
    with postgresql_pair() as pair:
        wanted = {"max_prepared_transactions": "5", "wal_level": "logical"}
        pair.primary.settings.update(wanted)
        pair.standby.settings.update(
            wanted | {"hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}
        )
        for server in (pair.standby, pair.primary):
            server.kill()
        for server in (pair.primary, pair.standby):
            server.start()
        pair.wait_streaming()
        yield pair


@contextmanager
def idle(pair: PostgresqlPair) -> Iterator[None]:
    with psycopg.connect(pair.primary.url(), application_name="forgotten") as session:
        session.execute("DELETE FROM turns WHERE name = 'nobody'")
        session.execute("SELECT pg_current_xact_id()")
        yield
        session.close()


@contextmanager
def asking(pair: PostgresqlPair, program: str = "report", *, standby: bool = False) -> Iterator[None]:
    """Let a query run for as long as a minute; it is ended by the test, or here."""
    url = (pair.standby if standby else pair.primary).url()
    with psycopg.connect(url, autocommit=True, application_name=program) as session:
        thread = threading.Thread(target=_sleep, args=(session,))
        thread.start()
        try:
            yield
        finally:
            session.cancel_safe()
            thread.join()


def _sleep(session: "psycopg.Connection[tuple[object, ...]]") -> None:
    try:
        session.execute("SELECT pg_sleep(60)")
    except psycopg.Error:
        return  # It was ended, which is what the test is about.


@contextmanager
def prepared(pair: PostgresqlPair) -> Iterator[None]:
    with psycopg.connect(pair.primary.url(), autocommit=True) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE never (n int)")
        session.execute("PREPARE TRANSACTION 'it''s mine'")
    yield


@contextmanager
def slot(pair: PostgresqlPair) -> Iterator[None]:
    pair.primary.ask("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')", "vault")
    yield


HOLDERS: dict[str, Callable[[PostgresqlPair], object]] = {
    "an open transaction that does nothing, in session": idle,
    "(report, role postgres)": asking,
    "take the next dump from a standby": lambda pair: asking(pair, "pg_dump"),
    'the prepared transaction "it\'s mine"': prepared,
    'the logical replication slot "cdc", that nobody reads': slot,
}


def doctor(pair: PostgresqlPair, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("VAULT_DATABASE_URL", pair.primary.url())
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_server_without_trouble_is_well(pair, monkeypatch):
    """Exit status 0, and the sentence of what was looked for."""
    status, said = doctor(pair, monkeypatch)
    assert (status, said.splitlines()[-1]) == (
        0, "ok       nobody has held a snapshot for 10 minutes, and vacuum keeps up",
    )  # fmt: skip


@pytest.mark.parametrize("words", HOLDERS)
def test_a_holder_is_named_with_the_statement_that_ends_it(words, pair, monkeypatch):
    """The statement is run as it is printed; afterwards nobody holds anything."""
    with ExitStack() as stack:
        stack.enter_context(HOLDERS[words](pair))  # type: ignore[arg-type]
        said = ""

        def is_named() -> bool:
            nonlocal said
            status, said = doctor(pair, monkeypatch, "--minutes", "0")
            return status == 1 and words in said

        wait_for(is_named)
        cure = re.search(r"SELECT pg_\w+\((?:\d+|'[^\n]+?')\)|ROLLBACK PREPARED '(?:[^']|'')+'", said)
        assert cure is not None, said
        assert pair.primary.ask(cure[0], "vault") in {True, None, ""}
        wait_for(lambda: doctor(pair, monkeypatch, "--minutes", "0")[0] == 0)


def test_a_holder_of_a_moment_is_no_trouble(pair, monkeypatch):
    """A transaction that began just now is no trouble by default."""
    with idle(pair):
        assert doctor(pair, monkeypatch)[0] == 0
        assert doctor(pair, monkeypatch, "--minutes", "0")[0] == 1


def test_a_session_of_another_database_holds_nothing_here(pair, monkeypatch):
    """Its snapshot is no older than the rows of its own database need."""
    with psycopg.connect(pair.primary.url("postgres")) as session:
        session.execute("SELECT pg_current_xact_id()")
        assert doctor(pair, monkeypatch, "--minutes", "0")[0] == 0


def test_a_standby_with_a_long_query_is_seen(pair):
    """Its feedback holds the primary's old rows; PostgreSQL does not say since when."""
    with asking(pair, standby=True):
        pair.primary.ask("CREATE TABLE IF NOT EXISTS often (n int)", "vault")

        def lag() -> float:
            for _ in range(5):
                pair.primary.ask("INSERT INTO often VALUES (1)", "vault")
            return gauges(pair)["callvault_vacuum_held_transactions", "standby"]

        wait_for(lambda: lag() > 10)
    assert gauges(pair)["callvault_vacuum_held_seconds", "standby"] == 0


def gauges(pair: PostgresqlPair) -> dict[tuple[str, str], float]:
    """Return the metrics by name and holder."""
    engine = create_engine(pair.primary.url().replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        families = _of_vacuum(Transaction(connection))
    engine.dispose()
    return {(one.name, one.labels["holder"]): one.value for family in families for one in family.samples}


def test_the_metrics_have_every_kind_and_the_age_of_the_oldest(pair):
    """A kind without a holder is 0, not missing: an alert ends with its incident."""
    before = gauges(pair)
    assert {holder for _, holder in before} == {*HOLDER_KINDS}
    with idle(pair):
        wait_for(lambda: gauges(pair)["callvault_vacuum_held_seconds", "idle_transaction"] > 0.5)
    assert gauges(pair)["callvault_vacuum_held_seconds", "idle_transaction"] == 0


def test_what_a_role_may_not_see_is_said(pair, monkeypatch):
    """A role without the right sees no session of others: that is trouble, not health."""
    pair.primary.ask("CREATE ROLE plain LOGIN")
    monkeypatch.setattr(
        type(pair.primary), "url", lambda *_: f"postgresql://plain@{pair.primary.address}/vault"
    )
    status, said = doctor(pair, monkeypatch)
    assert status == 1
    assert 'run GRANT pg_monitor TO "plain"' in said


def test_lengths_are_short():
    """Seconds, minutes, hours and minutes."""
    assert [_length(timedelta(seconds=s)) for s in (5, 65, 3720)] == ["5 s", "1 min", "1 h 2 min"]
