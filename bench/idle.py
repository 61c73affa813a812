"""``python -m bench idle``: what the vault's processes cost while nothing happens.

Prints the share of a core of an idle server, an idle worker and their database, the statements (without BEGIN and
COMMIT) and transactions of both a second, and the share of a core of one process that does everything on SQLite.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

from bench.cost import Stage, announce_and_wait, noise, open_stage
from bench.counted_servers import fleet, single
from bench.machine import describe_machine
from tests.servers.media_thread import media_thread

#: Seconds until what a start and five recordings leave is done: the first sweep, manifests, the published log.
_SETTLE_SECONDS: Final = 60.0


def idle() -> None:
    """Measure on PostgreSQL and the Ceph gateway, then on SQLite and a directory."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-idle-") as name, media_thread() as media:
        url = media.serve("/short.wav", noise(1))
        for title, start in (
            ("PostgreSQL 17 and the Ceph gateway; one server, one worker", fleet),
            ("SQLite and a directory; one process", single),
        ):
            print(title, flush=True)
            folder = Path(name, start.__name__)
            with start(folder, media.authority) as servers, open_stage(servers, media) as stage:
                _measure(stage, url)


def _measure(stage: Stage, url: str) -> None:
    announce_and_wait(stage, url, 5)
    time.sleep(_SETTLE_SECONDS)
    stage.measure_idle()
