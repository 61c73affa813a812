"""A disk that fills up in the middle of everything: no answer is a lie, and the service outlives it."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.servers.required import go_without
from tests.support.counts import count
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_WRITERS = 16


@contextmanager
def _small_disk(path: Path) -> Iterator[None]:
    """Mount a file system of 80 MiB in memory, more than the database's log may take; skip where this user may not."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=80m,mode=0700", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        go_without("needs root, to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


class _Platform:
    """Delivers new announcements from several threads, and remembers every answer."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        self.answers: list[tuple[int, str | None]] = []
        self._stop = threading.Event()
        # Together, so that the writer finds several in its queue.
        self._together = threading.Barrier(_WRITERS)
        self._threads = [threading.Thread(target=self._deliver, args=(n,)) for n in range(_WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._together.abort()
        for thread in self._threads:
            thread.join(60)

    def seen(self, status: int) -> int:
        """Return how many answers had this status."""
        return sum(one == status for one, _ in list(self.answers))

    def wait_for(self, status: int, more: int) -> None:
        """Wait for so many more answers of this status."""
        wanted, deadline = self.seen(status) + more, time.monotonic() + 60
        while self.seen(status) < wanted:
            assert time.monotonic() < deadline, Counter(one for one, _ in self.answers)
            time.sleep(0.02)

    def _deliver(self, writer: int) -> None:
        number = 0
        while not self._stop.is_set():
            with suppress(threading.BrokenBarrierError):
                self._together.wait(30)
            said = self.client.announce(f"{writer}-{number}", self.url)
            self.answers.append((said.status, said.json.get("recording") if said.status < 300 else None))
            number += 1


def _fill(disk: Path) -> Path:
    """Take every block that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return filler


def test_a_full_disk_loses_nothing_that_was_acknowledged(folder: Path, media: MediaThread) -> None:
    """On a full disk a whole group hears 503; with room again all goes on; and every 2xx is there."""
    rounds = count("times that the disk fills up", small=2, full=10)
    url = media.on("/a.wav", answer(wav(1644, 1)))
    with _small_disk(folder / "disk"):
        server = MortalVault(
            folder, VAULT_DATA_DIR=str(folder / "disk" / "data"), VAULT_MEDIA_ALLOW=media.authority
        )
        client = server.new_client()
        server.start()
        try:
            client.open_account()
            with _Platform(client, url) as platform:
                for _ in range(rounds):
                    platform.wait_for(202, 32)
                    filler = _fill(folder / "disk")
                    platform.wait_for(503, 48)
                    filler.unlink()
                    platform.wait_for(202, 32)
            server.kill()
            let_everything_run_out(server.database)
            server.start()
            _check(server, client, platform.answers)
        finally:
            server.stop()
        let_everything_run_out(server.database)
        check_promises(server, told=[recording_id for _, recording_id in platform.answers])


def _check(server: MortalVault, client: Client, answers: list[tuple[int, str | None]]) -> None:
    statuses = Counter(status for status, _ in answers)
    lost = [line["count"] for line in server.events("database.group_lost")]
    print(f"answers {dict(statuses)}; {len(lost)} groups lost, the largest of {max(lost)} writes")
    assert set(statuses) == {202, 503}
    assert max(lost) > 1
    assert sum(lost) >= statuses[503]
    kept = [recording_id for status, recording_id in answers if status == 202]
    assert len(set(kept)) == len(kept)
    for recording_id in kept:
        assert recording_id is not None
        assert client.recording(recording_id)["state"] not in {"failed", "refused"}
    for recording_id in kept[-3:]:
        assert recording_id is not None
        client.wait_for(recording_id, seconds=120)
