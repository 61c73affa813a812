"""PostgreSQL, the Ceph gateway and the vault's own processes, whose work can be counted.

What is counted does not depend on how busy the machine is: CPU seconds by the kernel, statements, transactions and
fsyncs by PostgreSQL 17 (``pg_stat_statements``, ``pg_stat_wal``), S3 requests by the gateway's log.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.ceph import BUCKET, gateway
from tests.servers.ports import free_ports
from vault.database.engines.migrate import migrate_postgresql
from vault.objects import s3_client

_POSTGRESQL = Path("/usr/lib/postgresql/17/bin")
INSTALL = "apt-get install --no-install-recommends postgresql-17 radosgw ceph-mon ceph-osd"
_TICKS = os.sysconf("SC_CLK_TCK")
#: An idle session of PostgreSQL reports its counters within this many seconds.
STATISTICS_DELAY = 11.0
_START_TIMEOUT = 60.0
_REQUEST = re.compile(rb' beast: 0x[0-9a-f]+: \S+ - \S+ \[[^\]]+\] "(\S+) ')


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What was used since the start: CPU in seconds by process name, and what PostgreSQL and the gateway counted."""

    at: float
    cpu: Mapping[str, float]
    statements: int = 0
    transactions: int = 0
    fsyncs: int = 0
    requests: int = 0


@dataclass(slots=True, kw_only=True)
class Servers:
    """What runs: the vault's processes by name, and the database and the gateway where there are any."""

    url: str
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    database_url: str | None = None
    gateway_log: Path | None = None

    def cpu(self) -> Count:
        """Return the CPU seconds alone, which are current at any moment."""
        return Count(
            at=time.monotonic(), cpu={name: _cpu_of_tree(one.pid) for name, one in self.processes.items()}
        )

    def count(self) -> Count:
        """Return everything. Sessions must have been idle for STATISTICS_DELAY."""
        now = self.cpu()
        if self.database_url is None:
            return now
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements),"
                " (SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = 'vault'),"
                " (SELECT wal_sync FROM pg_stat_wal)"
            ).fetchone()
        assert row is not None  # noqa: S101 - it is one row of aggregates
        requests = len(_REQUEST.findall(self.gateway_log.read_bytes())) if self.gateway_log else 0
        return Count(
            at=now.at, cpu=now.cpu, statements=row[0], transactions=row[1], fsyncs=row[2], requests=requests
        )

    def start(self, name: str, *arguments: str, port: int) -> None:
        """Start a process of the vault and wait until it is ready."""
        command = [sys.executable, "-m", "vault", *arguments]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        log = (Path(self.environment["VAULT_DATA_DIR"]).parent / f"{name}.log").open("ab")
        with log:
            running = subprocess.Popen(command, env=dict(self.environment), stdout=log, stderr=log)  # noqa: S603
        self.processes[name] = running
        deadline = time.monotonic() + _START_TIMEOUT
        while not _is_ready(f"http://127.0.0.1:{port}/readyz"):
            if running.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start:\n{Path(log.name).read_text()[-2000:]}")
            time.sleep(0.1)

    def command(self, *arguments: str) -> str:
        """Run a command of the vault to its end and return what it printed."""
        command = [sys.executable, "-m", "vault", *arguments]
        ended = subprocess.run(  # noqa: S603 - our own program
            command, env=dict(self.environment), capture_output=True, text=True, check=True, timeout=120
        )
        return ended.stdout.strip()

    def stop(self) -> None:
        """End the vault's processes."""
        vaults = [one for name, one in self.processes.items() if name in {"serve", "worker", "vault"}]
        for running in vaults:
            running.terminate()
        for running in vaults:
            running.wait(60)


@contextmanager
def fleet(folder: Path, media: str) -> Iterator[Servers]:
    """Run one server and one worker on PostgreSQL 17 and the Ceph gateway.

    Raises FileNotFoundError, which says how to get what is missing.
    """
    if not _POSTGRESQL.is_dir():
        raise FileNotFoundError(INSTALL)
    serve, health = free_ports(2)
    with ExitStack() as stack:
        database, process = stack.enter_context(_postgresql())
        objects = stack.enter_context(gateway(folder / "ceph"))
        client = s3_client.connect(endpoint_url=objects, region="us-east-1", connections=1)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        servers = Servers(
            url=f"http://127.0.0.1:{serve}",
            environment=_environment(folder, serve, media)
            | {
                "VAULT_DATABASE_URL": database,
                "VAULT_OBJECTS_URL": f"s3://{BUCKET}/vault?endpoint_url={objects}",
            },
            database_url=database,
            gateway_log=folder / "ceph" / "log" / "client.rgw.log",
            processes={"PostgreSQL": process},
        )
        stack.callback(servers.stop)
        migrate_postgresql(database)
        servers.start("serve", "serve", "--no-worker", "--port", str(serve), port=serve)
        servers.start("worker", "worker", "--health-port", str(health), port=health)
        yield servers


@contextmanager
def single(folder: Path, media: str) -> Iterator[Servers]:
    """Run one process that does everything, on SQLite and a directory."""
    (port,) = free_ports(1)
    servers = Servers(url=f"http://127.0.0.1:{port}", environment=_environment(folder, port, media))
    try:
        servers.start("vault", "serve", "--port", str(port), port=port)
        yield servers
    finally:
        servers.stop()


def _environment(folder: Path, port: int, media: str) -> dict[str, str]:
    (folder / "data").mkdir(parents=True)
    passed = {
        name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PATH", "PYTHON"))
    }
    return passed | {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "VAULT_DATA_DIR": str(folder / "data"),
        "VAULT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VAULT_MEDIA_ALLOW": media,
    }


@contextmanager
def _postgresql() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run PostgreSQL 17 with its own defaults, and with the counters; it dies with this process."""
    (port,) = free_ports(1)
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as short:
        data = Path(short) / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            for path in (Path(short), data):
                shutil.chown(path, user, user)
        initdb = [str(_POSTGRESQL / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run(initdb, user=user, cwd=short, check=True, capture_output=True)  # noqa: S603
        command = [
            str(_POSTGRESQL / "postgres"), "-D", str(data), "-k", "", "-p", str(port),
            "-c", "listen_addresses=127.0.0.1",
            "-c", "shared_preload_libraries=pg_stat_statements",
            "-c", "pg_stat_statements.track_utility=off",
        ]  # fmt: skip
        with (Path(short) / "log").open("wb") as log:
            running = subprocess.Popen(command, user=user, cwd=short, stdout=log, stderr=log)  # noqa: S603
        try:
            admin = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait_for_postgresql(admin, running)
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute("CREATE DATABASE vault")
            url = f"postgresql://postgres@127.0.0.1:{port}/vault"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
            yield url, running
        finally:
            running.terminate()
            running.wait(60)


def _wait_for_postgresql(url: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            if running.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback URL of our own
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, OSError):
        return False


def _cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process, of its living descendants, and of those that it has waited for."""
    return sum(_cpu_of(one) for one in [pid, *_descendants(pid)])


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime, stime, cutime and cstime of proc(5).
    return sum(int(value) for value in fields[11:15]) / _TICKS


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found
