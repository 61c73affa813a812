"""The keys of what the switch refused leave the disk too, and not only their rows."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.inside import files_below, rows
from tests.faults.remains import where
from tests.faults.server import MortalVault, vault_process
from tests.support.counts import count
from tests.support.telephone_audio import wav

pytestmark = pytest.mark.faults

_SIZE = 1_000_044


def test_keys_of_refused_recordings_leave_the_log_with_the_sweep(folder: Path) -> None:
    """Wrapped keys that were in rows when the switch went off are in no file after the next sweep."""
    uploads = count("uploads under way when the switch goes off", small=12, full=48)
    with vault_process(folder) as (server, client), ThreadPoolExecutor(uploads) as pool:
        lost: list[bytes] = []
        # Those whose keys were seen may all pass the gate before the switch is off: then once more.
        for attempt in range(5):
            client.switch(enabled=True)
            sending = [
                pool.submit(client.put, f"call-{attempt}-{n}", wav(_SIZE, n), _SIZE) for n in range(uploads)
            ]
            kept = _keys_of_stored(server, 3)
            client.switch(enabled=False)
            for one in sending:
                one.result(60)
            refused = {row["id"] for row in rows(server, "SELECT id FROM recordings WHERE state = 'refused'")}
            lost = [key for recording_id, key in kept.items() if recording_id in refused]
            if lost:
                break
        assert lost
        assert not rows(
            server, "SELECT 1 FROM recordings WHERE state = 'refused' AND wrapped_key IS NOT NULL"
        )
        assert server.command("sweep").returncode == 0
        files = {name: path.read_bytes() for name, path in files_below(server.data_dir).items()}
        print(f"{len(refused)} refused; looked for {len(lost)} of their keys")
        assert not [name for key in lost for name in where(key, files)]


def _keys_of_stored(server: MortalVault, wanted: int) -> dict[str, bytes]:
    """Look at the rows until some wait for their gate with a key; return those keys."""
    found: dict[str, bytes] = {}
    deadline = time.monotonic() + 60
    while len(found) < wanted:
        assert time.monotonic() < deadline
        stored = rows(server, "SELECT id, wrapped_key FROM recordings WHERE state = 'stored'")
        found |= {row["id"]: row["wrapped_key"] for row in stored}
    return found
