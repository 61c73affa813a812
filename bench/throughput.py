"""``python -m bench throughput``: recordings per second from the announcement to "can be played".

One server, two workers, PostgreSQL 17 and the Ceph gateway, all on this machine. Every worker starts one describer for
each core. The time runs from the first announcement until the last recording is available.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

from bench.cost import SHORT, announce_and_wait, noise, open_stage
from bench.counted_servers import fleet
from bench.machine import describe_machine
from tests.servers.media_thread import media_thread
from tests.servers.ports import free_ports

_ROUNDS: Final = 3
_RECORDINGS: Final = 400


def throughput() -> None:
    """Print the rate of each round."""
    print(describe_machine(), flush=True)
    (port,) = free_ports(1)
    with (
        tempfile.TemporaryDirectory(prefix="callvault-throughput-") as name,
        media_thread() as media,
        fleet(Path(name, "fleet"), media.authority) as servers,
        open_stage(servers, media) as stage,
    ):
        servers.start("worker-2", "worker", "--health-port", str(port), port=port)
        url = media.serve("/recording.wav", noise(SHORT))
        announce_and_wait(stage, url, 20)
        for _ in range(_ROUNDS):
            began = time.monotonic()
            announce_and_wait(stage, url, _RECORDINGS)
            seconds = time.monotonic() - began
            print(f"  {_RECORDINGS} of 544 KB: {_RECORDINGS / seconds:.1f} recordings/s", flush=True)
