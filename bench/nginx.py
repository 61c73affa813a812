"""nginx with sendfile: how fast this machine gives a file away if nothing looks at it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_ports

_PATIENCE = 10.0
_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[int]:
    """Serve the files in ``root`` and yield the port. Raises FileNotFoundError where there is no nginx."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("nginx")
    folder.mkdir()
    (port,) = free_ports(1)
    # As root its worker would become somebody who cannot read the file.
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(user=user, folder=folder, port=port, root=root), encoding="utf-8")
    command = [program, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(config)]
    process = subprocess.Popen(command)  # noqa: S603 - found above
    try:
        _until_listening(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("nginx did not start.") from None
            time.sleep(0.02)
        else:
            return
