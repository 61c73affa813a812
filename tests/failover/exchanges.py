"""The ways to exchange a database under running nodes."""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from tests.failover.closed_things import Askers, ClosedThings
from tests.failover.figures import Table
from tests.servers.postgresql_pair import PairedServer, PostgresqlPair, create_cluster, wait_for
from tests.servers.vault_process import VaultProcess

#: Timeout in seconds of a program of PostgreSQL.
_PATIENCE = 60.0
_PAGE = Path(__file__).parents[2] / "docs" / "restore-a-backup.md"
#: The page's statements: to fence the database, and to put another one in its place.
_FENCE, _EXCHANGE = [
    [statement.strip() for statement in block.split(";") if statement.strip()]
    for block in re.findall(r"```sql\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
]
_CONNECTED = _FENCE[-1]


@dataclass(slots=True, kw_only=True)
class Around:
    """What one round has, on either database."""

    nodes: Sequence[VaultProcess]
    #: Where the objects are.
    objects: Path
    clients: Sequence[httpx.Client]
    things: ClosedThings
    askers: Askers
    table: Table

    def take_key(self, key: str) -> None:
        """Let everybody use another API key."""
        for door in self.askers.doors:
            door.key = key
        for client in self.clients:
            client.headers["Authorization"] = f"Bearer {key}"


@dataclass(slots=True, kw_only=True)
class Exchange(Around):
    """What one round on PostgreSQL has."""

    server: PairedServer
    #: The server with its standby, where the way needs one.
    pair: PostgresqlPair | None = None

    @property
    def backup(self) -> Path:
        """Return the file of the backup, which the user of the server may read."""
        return self.server.folder.parent / "old.dump"

    def program(self, name: str, *arguments: str) -> bytes:
        """Run one of PostgreSQL's programs as the user of the server; return what it wrote."""
        place = ["-h", "127.0.0.1", "-p", str(self.server.port), "-U", "postgres"]
        done = subprocess.run(
            [str(self.server.binaries / name), *place, *arguments],
            user=self.server.user,
            cwd=self.server.folder,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fence(self) -> None:
        """End all connections to the database, and let no new one in."""
        for statement in _FENCE:
            self.server.ask(statement)
        wait_for(lambda: not self.server.ask("SELECT count(*) FROM pg_stat_activity WHERE datname = 'vault'"))


def _dump(around: Exchange) -> None:
    around.backup.write_bytes(around.program("pg_dump", "-Fc", "vault"))


def _template(around: Exchange) -> None:
    around.fence()
    around.server.ask("CREATE DATABASE copied TEMPLATE vault")
    around.server.ask("ALTER DATABASE vault WITH ALLOW_CONNECTIONS true")
    wait_for(lambda: all(door.send("GET", "/readyz").status == 200 for door in around.askers.doors))


def _new_server(around: Exchange) -> None:
    around.server.kill()
    shutil.rmtree(around.server.folder)
    create_cluster(around.server)
    around.server.start()
    around.server.ask("CREATE DATABASE vault")


def _new_database(around: Exchange) -> None:
    around.fence()
    around.server.ask("DROP DATABASE vault")
    around.server.ask("CREATE DATABASE vault")


def _renamed(around: Exchange) -> None:
    around.server.ask("CREATE DATABASE restored")
    around.program("pg_restore", "--exit-on-error", "-d", "restored", str(around.backup))
    _rename(around, "restored")


def _rename(around: Exchange, name: str) -> None:
    around.fence()
    for statement in _EXCHANGE:
        around.server.ask(statement.replace("restored", name))


def _copied(around: Exchange) -> None:
    _rename(around, "copied")


def _dropped_schema(around: Exchange) -> None:
    _repeat(around, lambda: around.server.ask("DROP SCHEMA public CASCADE", "vault"))
    around.server.ask("CREATE SCHEMA public", "vault")


def _cleaned(around: Exchange) -> None:
    _repeat(
        around,
        lambda: around.program("pg_restore", "--clean", "--if-exists", "-d", "vault", str(around.backup)),
    )


def _repeat(around: Exchange, deed: Callable[[], object]) -> None:
    """Do something as often as an operator would: transactions of the nodes are in its way, and are ended."""
    for last in (*[False] * 19, True):
        around.server.ask(_CONNECTED)
        try:
            deed()
        except (psycopg.errors.DeadlockDetected, AssertionError):
            if last:
                raise
        else:
            return


def _hold_back(around: Exchange) -> None:
    """Let the standby receive nothing more: it will lack all that is closed from now on."""
    assert around.pair is not None
    around.pair.catch_up()
    around.pair.relay.delay = _PATIENCE * 10


def _promoted(around: Exchange) -> None:
    assert around.pair is not None
    around.pair.fail_over(seconds=1.0)
    around.server = around.pair.standby


def _nothing(_around: Exchange) -> None:
    """Take no backup: the bucket alone is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a database is exchanged: what is kept before anything is closed, and what is put in its place later."""

    words: str
    put: Callable[[Exchange], None]
    keep: Callable[[Exchange], None] = _nothing
    #: Whether the database has a standby.
    is_paired: bool = False

    @property
    def from_nothing(self) -> bool:
        """Say whether the database is empty after it, so that API keys must be made again."""
        return self.keep is _nothing


WAYS: Mapping[str, Way] = {
    "new-server": Way(words="a new server on the same port", put=_new_server),
    "new-database": Way(words="a new database on the same server", put=_new_database),
    "renamed": Way(words="an old backup, renamed into place", put=_renamed, keep=_dump),
    "template": Way(words="an old copy by template, renamed into place", put=_copied, keep=_template),
    "schema": Way(words="the schema dropped", put=_dropped_schema),
    "clean": Way(words="pg_restore --clean of an old backup into the live database", put=_cleaned, keep=_dump),
    "standby": Way(words="a standby promoted that is behind", put=_promoted, keep=_hold_back, is_paired=True),
}  # fmt: skip
