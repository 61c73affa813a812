"""A real router before cells: the configuration that ``callvault cells`` prints, with the ports of a test."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import httpx

from tests.infra.test_nginx import MAIN
from tests.servers.openbao import make_certificate
from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.required import require
from tests.servers.vault_process import PATIENCE, ROOT

Kind = Literal["nginx", "haproxy"]
KINDS: tuple[Kind, ...] = ("nginx", "haproxy")
HOST = "vault.example.com"


def printed(
    kind: Kind,
    folder: Path,
    cells: Mapping[str, int],
    *,
    unlabelled: str | None = None,
    node: str = "http://127.0.0.1",
) -> str:
    """Return what the command prints for these cells, by label and port of ``node``."""
    certificate, key = make_certificate(folder)
    (folder / "both.pem").write_text(Path(certificate).read_text() + Path(key).read_text())
    first = {"nginx": certificate, "haproxy": folder / "both.pem"}[kind]
    lines = [f'host = "{HOST}"', f'certificate = "{first}"', f'certificate_key = "{key}"']
    lines += [f'unlabelled = "{unlabelled}"'] if unlabelled else []
    lines += ["[cells]", *(f'{label} = ["{node}:{port}"]' for label, port in cells.items())]
    (folder / "cells.toml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "vault", "cells", kind, str(folder / "cells.toml")]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def router(
    kind: Kind, folder: Path, cells: Mapping[str, int], *, authority: Path | None = None, **more: str
) -> Iterator[int]:
    """Start a router and yield the port at which it speaks TLS; ``authority``: the only one that it trusts."""
    require(
        kind, install=f"apt-get install --no-install-recommends {'nginx-light' if kind == 'nginx' else kind}"
    )
    plain, port = free_ports(2)
    text = printed(kind, folder, cells, **more)
    if authority is not None:
        text = text.replace("/etc/ssl/certs/ca-certificates.crt", str(authority))
        text = text.replace("@system-ca", str(authority))
    if kind == "nginx":
        text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = text.replace("listen 80", f"listen 127.0.0.1:{plain}").replace("/var/log/nginx", str(folder))
        (folder / "callvault.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(user=user, folder=folder))
        command = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    else:
        text = re.sub(r"bind :80$", f"bind 127.0.0.1:{plain}", text, flags=re.MULTILINE)
        text = text.replace("bind :443", f"bind 127.0.0.1:{port}")
        text = text.replace("log /dev/log local0", "log stdout format raw local0")
        (folder / "haproxy.cfg").write_text(text)
        command = ["-db", "-f", str(folder / "haproxy.cfg")]
    program = shutil.which(kind, path=f"{os.environ['PATH']}:/usr/sbin") or kind
    with process([program, *command], log := folder / f"{kind}.out") as running, client(port) as http:
        wait_until(lambda: _listens(http), running, log, PATIENCE)
        yield port


def client(port: int, **headers: str) -> httpx.Client:
    """Return a client of the router, by its host name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    url = f"https://127.0.0.1:{port}"
    return httpx.Client(base_url=url, headers={"Host": HOST, **headers}, verify=context, timeout=PATIENCE)


def _listens(http: httpx.Client) -> bool:
    try:
        return http.get("/healthz").status_code == 404
    except httpx.TransportError:
        return False


class _Echo(BaseHTTPRequestHandler):
    """Answers every request with the label of its cell, and the path as it arrived."""

    protocol_version = "HTTP/1.1"
    label: str

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.dumps({"cell": self.label, "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # A health check does not wait for the body.
            self.wfile.write(body if self.command == "GET" else b"")

    do_GET = do_HEAD = _answer  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@contextmanager
def echoes(*labels: str, secure: ssl.SSLContext | None = None) -> Iterator[dict[str, int]]:
    """Run a server for each label, with TLS if ``secure``, and yield their ports."""
    servers = {
        label: ThreadingHTTPServer(("127.0.0.1", 0), type("Echo", (_Echo,), {"label": label}))
        for label in labels
    }
    if secure is not None:
        for server in servers.values():
            server.socket = secure.wrap_socket(server.socket, server_side=True)
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {label: server.server_port for label, server in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
