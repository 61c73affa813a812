"""A worker that slept through its lease wakes up and changes nothing."""

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.faults.promises import check_promises
from tests.faults.server import MortalVault
from tests.servers.media import Exchange
from tests.servers.media_thread import MediaThread
from tests.servers.processes import process
from tests.support.counts import count
from tests.support.raw_client import PATIENCE, Client
from tests.support.slow_media import flow, slices
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.postgresql, pytest.mark.timeout(600)]

_SIZE = 3_000_044


def test_a_paused_worker_changes_nothing_when_it_goes_on(
    folder: Path, media: MediaThread, migrated_url: str
) -> None:
    """A process paused in mid-ingest, past its lease, wakes to find its recording finished by another one."""
    rounds = count("pauses past the lease", small=2, full=10)
    shared = {
        "VAULT_DATABASE_URL": migrated_url,
        "VAULT_MEDIA_ALLOW": media.authority,
        "VAULT_OBJECTS_URL": f"file://{folder}/objects",
        "VAULT_ROOT_KEY_URL": f"file://{folder}/root.key",
        "VAULT_WORKERS": "1",
    }
    first, second = (MortalVault(folder / name, **shared) for name in ("first", "second"))
    client = first.new_client()
    first.start()
    try:
        client.open_account()
        second.start("--no-worker")
        other = Client(base=second.url, key=client.key)
        for number in range(rounds):
            _pause(first, second, client, other, media, migrated_url, number)
    finally:
        os.kill(first.pid, signal.SIGCONT)
        first.stop()
        second.stop()
    check_promises(first)
    lost = len(first.events("ingest.lease_lost"))
    print(f"{lost} of {rounds} zombies learned that they had lost their lease")
    assert lost == rounds


def _pause(  # noqa: PLR0917 - two servers, two clients, and where they meet
    first: MortalVault,
    second: MortalVault,
    client: Client,
    other: Client,
    media: MediaThread,
    database: str,
    number: int,
) -> None:
    body, begun, paused = wav(_SIZE, number), Event(), Event()
    served = 0

    def blocks(own: int) -> Iterator[bytes]:
        for position, block in enumerate(slices(body, 64 * 1024)):
            if own == 1 and position == 20:
                begun.set()
                # The rest comes when the worker stands still, however late that is.
                assert paused.wait(PATIENCE)
            yield block

    async def script(exchange: Exchange) -> None:
        nonlocal served
        served += 1
        # The first worker gets its bytes slowly, so that there is a middle to pause it in.
        await flow(_SIZE, blocks(served), pause=0.02 if served == 1 else 0)(exchange)

    url = media.on(f"/{number}.wav", script)
    recording_id = client.announce(f"call-{number}", url).json["recording"]
    assert begun.wait(30)
    os.kill(first.pid, signal.SIGSTOP)
    paused.set()
    # Its ninety seconds pass: the database's clock is the one that counts, so the lease is set back there.
    assert _set_back(database, recording_id) == 1
    with process([sys.executable, "-m", "vault", "worker"], second.log, **second.environment):
        other.wait_for(recording_id)
        _until(lambda: not _row(database, recording_id)["manifest_due"])
    winner = _row(database, recording_id)
    lost = len(first.events("ingest.lease_lost"))
    os.kill(first.pid, signal.SIGCONT)
    _until(lambda: len(first.events("ingest.lease_lost")) > lost)
    assert _row(database, recording_id) == winner
    assert served == 2
    for answer in (client.audio(recording_id), other.audio(recording_id)):
        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()
    # The zombie's own object is gone too, without waiting for the sweep.
    folder = Path(second.environment["VAULT_OBJECTS_URL"].removeprefix("file://"))
    _until(lambda: len(list(folder.glob(f"recordings/*/{recording_id}/*"))) == 1)
    assert (folder / winner["audio_location"]).is_file()


def _set_back(database: str, recording_id: str) -> int:
    with psycopg.connect(database, autocommit=True) as connection:
        done = connection.execute(
            "UPDATE recordings SET lease_until = 1 WHERE id = %s AND state = 'transferring'",
            (recording_id,),
        )
        return done.rowcount


def _row(database: str, recording_id: str) -> dict[str, object]:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        row = connection.execute("SELECT * FROM recordings WHERE id = %s", (recording_id,)).fetchone()
    assert row is not None
    return row


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
