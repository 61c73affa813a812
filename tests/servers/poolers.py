"""What stands between a vault and PostgreSQL: PgBouncer, and haproxy that asks who is the primary."""

import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import psycopg

from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.required import require

INSTALL = "apt-get install haproxy pgbouncer"
_BOUNCER = """[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = {ignored}
max_client_conn = 200
default_pool_size = 40
"""
_PROXY = """defaults
  mode tcp
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  timeout check 3s
listen postgresql
  bind 127.0.0.1:{port}
  option httpchk GET /primary
  default-server inter 1s fastinter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


class Server(Protocol):
    """A PostgreSQL server as haproxy needs to know it."""

    port: int

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""


@contextmanager
def pgbouncer(
    folder: Path, server: int, mode: str, *, ignored: str = "options,extra_float_digits"
) -> Iterator[int]:
    """Run PgBouncer before the server on a port of loopback; yield the port that it listens on."""
    require("pgbouncer", install=INSTALL)
    folder.mkdir()
    folder.chmod(0o755)
    (port,) = free_ports(1)
    file, log = folder / "pgbouncer.ini", folder / "log"
    file.write_text(_BOUNCER.format(server=server, port=port, mode=mode, ignored=ignored))
    command = ["setpriv", "--reuid", "nobody", "--clear-groups"] if _is_root() else []
    with process([*command, shutil.which("pgbouncer") or "", str(file)], log) as running:
        wait_until(lambda: _listens(port), running, log, 30)
        yield port


@contextmanager
def haproxy(folder: Path, servers: Sequence[Server]) -> Iterator[int]:
    """Run haproxy before servers of which one is the primary, as Patroni's page has it; yield its port."""
    require("haproxy", install=INSTALL)
    folder.mkdir()
    (port,) = free_ports(1)
    with _role_check(servers) as checks:
        lines = [
            f"  server s{check} 127.0.0.1:{server.port} check port {check}"
            for server, check in zip(servers, checks, strict=True)
        ]
        (folder / "haproxy.cfg").write_text(_PROXY.format(port=port, servers="\n".join(lines)))
        command = [shutil.which("haproxy") or "", "-db", "-f", str(folder / "haproxy.cfg")]
        with process(command, folder / "log") as running:
            wait_until(lambda: _listens(port), running, folder / "log", 30)
            # Until its first checks it believes in every server, and takes them by turns.
            url = servers[0].url("postgres").replace(f":{servers[0].port}", f":{port}")
            wait_until(
                lambda: all(_is_primary(url) for _ in range(2 * len(servers))), running, folder / "log", 30
            )
            yield port


@contextmanager
def _role_check(servers: Sequence[Server]) -> Iterator[list[int]]:
    """Answer 200 for a server that is a primary, as Patroni does on a port beside each."""
    answering = [
        ThreadingHTTPServer(("127.0.0.1", 0), _handler(server.url("postgres"))) for server in servers
    ]
    for one in answering:
        threading.Thread(target=one.serve_forever, daemon=True).start()
    try:
        yield [one.server_address[1] for one in answering]
    finally:
        for one in answering:
            one.shutdown()
            one.server_close()


class _RoleServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: haproxy does not wait for every answer."""


def _handler(url: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Ask the server whether it is a primary."""
            self.send_response(200 if _is_primary(url) else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    return Handler


def _is_primary(url: str) -> bool:
    with suppress(psycopg.Error), closing(psycopg.connect(url, connect_timeout=1)) as connection:
        row = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
        return bool(row and row[0])
    return False


def _is_root() -> bool:
    return Path("/proc/self").owner() == "root"


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
