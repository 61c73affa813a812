"""A log that cannot be written, in each of its places: 503 and not a byte of audio, and it goes on by itself."""

import http.client
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults.in_process import altered_vault
from tests.support.audio_listener import Seat, covered, hear, open_link, take_seat
from tests.support.raw_client import Answer, Client, ask
from tests.support.telephone_audio import wav
from vault.database.sql.dialect import log_lock_key
from vault.services.service import Vault

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

#: More than the windows that are granted while nobody reads.
_BODY = wav(16_000_044, 4)


@dataclass
class _Place:
    """A service, a session that is open there, and two ways behind its back."""

    client: Client
    recording_id: str
    seat: Seat
    #: Opens a connection of its own to the database.
    connect: Callable[[], AbstractContextManager]
    #: Runs a statement on the connection on which SQLite's writer writes.
    as_writer: Callable[[str], int | None]

    def run(self, *statements: str) -> None:
        """Run statements on a connection of its own."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def audio(self) -> Answer:
        """Ask for the audio."""
        return ask(self.client.base, "GET", self.seat.audio, headers={"Cookie": self.seat.cookie})

    def links(self, count: int) -> list[str]:
        """Make links."""
        path = f"{self.client.home}/recordings/{self.recording_id}/links"
        made = [self.client.rest("POST", path, {"listener": "Kim", "sessions": 1}) for _ in range(count)]
        return [answer.json["url"] for answer in made]

    def grants(self) -> list[dict]:
        """Return the grants of the session that are in the log."""
        path = f"{self.client.home}/access-events?limit=1000&recording={self.recording_id}"
        events = self.client.rest("GET", path).json["items"]
        return [
            one
            for one in events
            if one["type"] == "playback.grant" and one["session"] == self.seat.session_id
        ]


@contextmanager
def _serving(folder: Path, url: str | None) -> Iterator[_Place]:
    inside: list[Vault] = []

    def alter(vault: Vault) -> Vault:
        inside.append(vault)
        return vault

    @contextmanager
    def sqlite() -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(folder / "data" / "vault.db", timeout=10, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    def as_writer(statement: str) -> int | None:
        row = inside[0].database.inner._writer._driver.execute(statement).fetchone()  # type: ignore[attr-defined]
        return None if row is None else row[0]

    settings = {} if url is None else {"VAULT_DATABASE_URL": url}
    with altered_vault(folder, alter, **settings) as client:
        recording_id = client.put("call-1", _BODY, len(_BODY)).json["id"]
        client.wait_for(recording_id)
        yield _Place(
            client,
            recording_id,
            take_seat(client, recording_id),
            sqlite if url is None else lambda: psycopg.connect(url, autocommit=True),
            as_writer,
        )


Obstacle = Callable[[_Place], AbstractContextManager]


def _between(before: list[str], after: list[str]) -> Obstacle:
    """Return an obstacle that lies between statements of an administrator."""

    @contextmanager
    def obstacle(place: _Place) -> Iterator[None]:
        place.run(*before)
        yield
        place.run(*after)

    return obstacle


def _sqlite_trigger(table: str, event: str, condition: str = "true") -> Obstacle:
    raising = f"WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused'); END"
    return _between([f"CREATE TRIGGER refused BEFORE {event} ON {table} {raising}"], ["DROP TRIGGER refused"])


def _postgresql_trigger(table: str, event: str, condition: str = "true") -> Obstacle:
    function = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$"
    )
    trigger = f"CREATE TRIGGER refused BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
    return _between([function, trigger], [f"DROP TRIGGER refused ON {table}", "DROP FUNCTION refuse"])


def _writer_is(**pragmas: int) -> Obstacle:
    """Return an obstacle made of pragmas of the writer's own connection, which are all undone by 0."""

    @contextmanager
    def obstacle(place: _Place) -> Iterator[None]:
        for name, value in pragmas.items():
            place.as_writer(f"PRAGMA {name}={value}")
        yield
        for name in pragmas:
            place.as_writer(f"PRAGMA {name}=0")

    return obstacle


@contextmanager
def _sqlite_is_full(place: _Place) -> Iterator[None]:
    """Let the file have no page more than it has now, and fill what is free in them."""
    pages = place.as_writer("PRAGMA page_count")
    place.as_writer(f"PRAGMA max_page_count={pages}")
    status = 200
    while status != 503:
        # A stream that fills the last page is cut.
        with suppress(http.client.IncompleteRead):
            status = place.audio().status
    yield
    place.as_writer("PRAGMA max_page_count=1073741823")


@contextmanager
def _sqlite_is_locked(place: _Place) -> Iterator[None]:
    """Let another process hold the lock for longer than the writer waits."""
    place.as_writer("PRAGMA busy_timeout=50")
    with place.connect() as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
    place.as_writer("PRAGMA busy_timeout=5000")


@contextmanager
def _postgresql_is_read_only(place: _Place) -> Iterator[None]:
    """Refuse every write with the error of a standby.

    A default of the database would not do: a connection that has once read a snapshot asks for READ WRITE.
    """
    refuse = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE read_only_sql_transaction; END $$"
    )
    each = (
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
        "LOOP EXECUTE format('{}', t); END LOOP; END $$"
    )
    add = "CREATE TRIGGER refused BEFORE INSERT OR UPDATE OR DELETE ON %I EXECUTE FUNCTION refuse()"
    place.run(refuse, each.format(add))
    yield
    place.run(each.format("DROP TRIGGER refused ON %I"), "DROP FUNCTION refuse")


@contextmanager
def _postgresql_is_locked(place: _Place) -> Iterator[None]:
    """Let another session hold the sequencer's lock and the outbox."""
    with place.connect() as holder:
        holder.execute("BEGIN")
        holder.execute(f"SELECT pg_advisory_xact_lock({log_lock_key()})")
        holder.execute("LOCK TABLE event_outbox IN EXCLUSIVE MODE")
        yield
        holder.execute("ROLLBACK")


def _is(kind: str) -> str:
    return f"""CAST(NEW.body AS TEXT) LIKE '%"type":"{kind}"%'"""


def _is_there(kind: str) -> str:
    return f"""convert_from(NEW.body, 'UTF8') LIKE '%"type":"{kind}"%'"""


#: Obstacle, and the status of an open and of the audio of a session that is open, while it is there. On
#: PostgreSQL a grant is durable before it is in the tree, and an open is in the tree before there is a session.
ON_SQLITE: dict[str, tuple[Obstacle, int, int]] = {
    "grants are refused": (_sqlite_trigger("access_events", "INSERT", _is("playback.grant")), 303, 503),
    "opens are refused": (_sqlite_trigger("access_events", "INSERT", _is("playback.open")), 503, 200),
    "the tree does not grow": (_sqlite_trigger("tree_head", "UPDATE"), 503, 503),
    "the database is read-only": (_writer_is(query_only=1), 503, 503),
    "the disk is full": (_sqlite_is_full, 503, 503),
    "the lock is held": (_sqlite_is_locked, 503, 503),
}
ON_POSTGRESQL: dict[str, tuple[Obstacle, int, int]] = {
    "grants are refused": (
        _postgresql_trigger("event_outbox", "INSERT", _is_there("playback.grant")),
        303,
        503,
    ),
    "opens are refused": (
        _postgresql_trigger("event_outbox", "INSERT", _is_there("playback.open")),
        503,
        200,
    ),
    "the tree does not grow": (_postgresql_trigger("tree_head", "UPDATE"), 503, 200),
    "no event gets its place": (_postgresql_trigger("access_events", "INSERT"), 503, 200),
    "the database is read-only": (_postgresql_is_read_only, 503, 503),
    "the locks are held": (_postgresql_is_locked, 503, 503),
}


def _check(place: _Place, name: str, obstacle: Obstacle, opened: int, heard: int) -> None:
    """Ask for everything while the obstacle is there, and once more when it is gone."""
    first, second = place.links(2)
    before = place.grants()
    # Before its window that was granted ahead, a slow reader's stream asks the database, which still answers.
    hearing = hear(place.client, place.seat)
    hearing.read(1000)
    with obstacle(place), ThreadPoolExecutor(2) as at_once:
        opening = at_once.submit(open_link, place.client.base, first)
        audio = at_once.submit(place.audio).result()
        answer = opening.result()
        print(f"{name}: open {answer.status}, audio {audio.status}")
        assert (answer.status, audio.status) == (opened, heard)
        for refused in [one for one in (answer, audio) if one.status == 503]:
            assert int(refused.headers["retry-after"]) >= 1
            assert "set-cookie" not in refused.headers
            assert _BODY[:8] not in refused.body
        if heard == 503:
            assert hearing.broken_off
    hearing.read_on()
    hearing.close()
    assert bytes(hearing.body) == _BODY[: len(hearing.body)]
    assert open_link(place.client.base, first if opened == 503 else second).status == 303
    again = place.audio()
    assert (again.status, again.body == _BODY) == (200, True)
    after = place.grants()
    assert after[: len(before)] == before
    assert covered(after[len(before) :])(0, len(hearing.body))


def test_without_the_log_nothing_is_heard_on_sqlite(folder: Path) -> None:
    """Every place where the log of one file can fail."""
    with _serving(folder, None) as place:
        for name, (obstacle, opened, heard) in ON_SQLITE.items():
            _check(place, name, obstacle, opened, heard)


@pytest.mark.postgresql
def test_without_the_log_nothing_is_heard_on_postgresql(folder: Path, postgresql_url: str) -> None:
    """Every place where it can fail between the outbox and the tree."""
    with _serving(folder, postgresql_url) as place:
        for name, (obstacle, opened, heard) in ON_POSTGRESQL.items():
            _check(place, name, obstacle, opened, heard)
