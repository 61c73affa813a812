"""moto's server: S3 and KMS in memory. It checks no signature and no checksum."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.processes import answers, process, wait_until


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Run moto's server and yield its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    log = folder / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with process(command, log, **os.environ) as running:
        wait_until(lambda: answers(f"{url}/moto-api/"), running, log, 60)
        yield url
