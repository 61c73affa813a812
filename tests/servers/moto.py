"""moto's server: S3 and KMS in memory. It checks no signature and no checksum."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.processes import answers, process, wait_until

_ROOT = Path(__file__).parents[2]


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Run moto's server and yield its URL."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    log = folder / "moto.log"
    command = [sys.executable, "-m", "tests.servers.moto_app", str(port)]
    with process(command, log, **os.environ | {"PYTHONPATH": str(_ROOT)}) as running:
        wait_until(lambda: answers(f"{url}/moto-api/"), running, log, 60)
        yield url
