"""PostgreSQL, the Ceph gateway and the vault's own processes, whose work can be counted.

What is counted does not depend on how busy the machine is: CPU seconds by the kernel, statements, transactions and
fsyncs by PostgreSQL 17 (``pg_stat_statements``, ``pg_stat_wal``), S3 requests by the gateway's log.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import psycopg

from bench.ceph import BUCKET, gateway
from tests.servers.forked import cold
from tests.servers.ports import free_ports
from tests.servers.postgresql_pair import PairedServer, create_cluster
from tests.servers.processes import process, wait_until
from tests.support.unlimited import UNLIMITED
from vault.database.engines.migrate import migrate_postgresql
from vault.objects import s3_client

_POSTGRESQL = Path("/usr/lib/postgresql/17/bin")
INSTALL = "apt-get install --no-install-recommends postgresql-17 radosgw ceph-mon ceph-osd"
_TICKS = os.sysconf("SC_CLK_TCK")
#: An idle session of PostgreSQL reports its counters within this many seconds.
STATISTICS_DELAY = 11.0
_START_TIMEOUT = 60.0
_REQUEST = re.compile(rb' beast: 0x[0-9a-f]+: \S+ - \S+ \[[^\]]+\] "(\S+) ')

#: From the name of a process to the start of its command.
Program: TypeAlias = Callable[[str], Sequence[str]]


def python_m_vault(name: str) -> Sequence[str]:  # noqa: ARG001 - one program for all
    """Return the vault as it is installed."""
    return (sys.executable, "-m", "vault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What was used since the start: CPU in seconds by process name, and what PostgreSQL and the gateway counted."""

    at: float
    cpu: Mapping[str, float]
    statements: int = 0
    transactions: int = 0
    fsyncs: int = 0
    requests: int = 0
    #: Of the requests: PUT and POST, which S3 bills at another price.
    puts: int = 0
    wal_bytes: int = 0
    database_bytes: int = 0
    #: Access events, in the log's tree or on their way there.
    events: int = 0


@dataclass(slots=True, kw_only=True)
class Servers:
    """What runs: the vault's processes by name, and the database and the gateway where there are any."""

    url: str
    environment: Mapping[str, str]
    stack: ExitStack
    pids: dict[str, int] = field(default_factory=dict)
    database_url: str | None = None
    gateway_log: Path | None = None
    #: What runs the process of that name, before its arguments.
    program: Program = python_m_vault

    def cpu(self) -> Count:
        """Return the CPU seconds alone, which are current at any moment."""
        return Count(at=time.monotonic(), cpu={name: cpu_of_tree(pid) for name, pid in self.pids.items()})

    def count(self) -> Count:
        """Return everything. Sessions must have been idle for STATISTICS_DELAY."""
        now = self.cpu()
        if self.database_url is None:
            return now
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements),"
                " (SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = 'vault'),"
                " (SELECT wal_sync FROM pg_stat_wal), (SELECT wal_bytes::bigint FROM pg_stat_wal),"
                " pg_database_size('vault'),"
                " (SELECT coalesce(sum(size), 0)::bigint FROM tree_head) + (SELECT count(*) FROM event_outbox)"
            ).fetchone()
        assert row is not None  # noqa: S101 - it is one row of aggregates
        methods = _REQUEST.findall(self.gateway_log.read_bytes()) if self.gateway_log else []
        return Count(
            at=now.at,
            cpu=now.cpu,
            statements=row[0],
            transactions=row[1],
            fsyncs=row[2],
            requests=len(methods),
            puts=sum(method in {b"PUT", b"POST"} for method in methods),
            wal_bytes=row[3],
            database_bytes=row[4],
            events=row[5],
        )

    def start(self, name: str, *arguments: str, port: int) -> None:
        """Start a process of the vault and wait until it is ready."""
        command = [*self.program(name), *arguments]
        log = Path(self.environment["VAULT_DATA_DIR"]).with_name(f"{name}.log")
        with cold():
            running = self.stack.enter_context(process(command, log, **self.environment))
        self.pids[name] = running.pid
        wait_until(lambda: _is_ready(f"http://127.0.0.1:{port}/readyz"), running, log, _START_TIMEOUT)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Let a process do nothing meanwhile (SIGSTOP)."""
        os.kill(self.pids[name], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pids[name], signal.SIGCONT)

    def command(self, *arguments: str) -> str:
        """Run a command of the vault to its end and return what it printed."""
        command = [sys.executable, "-m", "vault", *arguments]
        ended = subprocess.run(  # noqa: S603 - our own program
            command, env=dict(self.environment), capture_output=True, text=True, check=True, timeout=120
        )
        return ended.stdout.strip()


@contextmanager
def fleet(
    folder: Path, media: str, *, limits: Mapping[str, str] = UNLIMITED, program: Program = python_m_vault
) -> Iterator[Servers]:
    """Run one server and one worker on PostgreSQL 17 and the Ceph gateway.

    Raises FileNotFoundError, which says how to get what is missing.
    """
    if not _POSTGRESQL.is_dir():
        raise FileNotFoundError(INSTALL)
    serve, health = free_ports(2)
    with ExitStack() as stack:
        postgresql = stack.enter_context(_postgresql())
        objects = stack.enter_context(gateway(folder / "ceph"))
        client = s3_client.connect(endpoint_url=objects, region="us-east-1", connections=1)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        stores = {
            "VAULT_DATABASE_URL": postgresql.url(),
            "VAULT_OBJECTS_URL": f"s3://{BUCKET}/vault?endpoint_url={objects}",
        }
        servers = Servers(
            url=f"http://127.0.0.1:{serve}",
            environment=_environment(folder, serve, media) | limits | stores,
            stack=stack,
            program=program,
            pids={"PostgreSQL": postgresql.pid},
            database_url=postgresql.url(),
            gateway_log=folder / "ceph" / "log" / "client.rgw.log",
        )
        migrate_postgresql(postgresql.url())
        servers.start("serve", "serve", "--no-worker", "--port", str(serve), port=serve)
        servers.start("worker", "worker", "--health-port", str(health), port=health)
        yield servers


@contextmanager
def single(
    folder: Path, media: str, *, limits: Mapping[str, str] = UNLIMITED, program: Program = python_m_vault
) -> Iterator[Servers]:
    """Run one process that does everything, on SQLite and a directory."""
    (port,) = free_ports(1)
    with ExitStack() as stack:
        environment = _environment(folder, port, media) | limits
        servers = Servers(
            url=f"http://127.0.0.1:{port}", environment=environment, stack=stack, program=program
        )
        servers.start("vault", "serve", "--port", str(port), port=port)
        yield servers


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
def _postgresql() -> Iterator[PairedServer]:
    """Run PostgreSQL 17 with the counters; it dies with this process."""
    with tempfile.TemporaryDirectory(prefix="pg") as top:
        Path(top).chmod(0o755)
        server = PairedServer(
            binaries=_POSTGRESQL,
            folder=Path(top) / "data",
            user="postgres" if os.getuid() == 0 else None,
            port=free_ports(1)[0],
            settings={
                "shared_preload_libraries": "pg_stat_statements",
                "pg_stat_statements.track_utility": "off",
            },
        )
        create_cluster(server)
        try:
            server.start()
            server.ask("CREATE DATABASE vault")
            server.ask("CREATE EXTENSION pg_stat_statements", "vault")
            yield server
        finally:
            server.kill()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback URL of our own
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, OSError):
        return False


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process, of its living descendants, and of those that it has waited for."""
    return sum(cpu_of(one) for one in [pid, *descendants(pid)])


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, and of the descendants that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # utime, stime, cutime and cstime of proc(5).
    return sum(int(value) for value in fields[11:15]) / _TICKS


def descendants(pid: int) -> list[int]:
    """Return the living children of a process, and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found
