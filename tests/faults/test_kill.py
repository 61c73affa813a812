"""A process that is killed at any moment loses nothing that it acknowledged, and leaves nothing behind."""

import asyncio
import hashlib
import http.client
import random
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.inside import files_below, inside, rows, sweep
from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Client, ask
from tests.support.slow_media import flow, slices
from tests.support.telephone_audio import wav
from vault.domain.stored.account_object_name import location_of
from vault.services.audit_log.own_history import account_object_names, sort_by_history

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

_AT_ONCE = 4
_BLOCK = 64 * 1024
#: Then all that was acknowledged may finish: what dies with its process in every one of two dozen
#: attempts fails for good, as a recording that kills its worker must.
_KILLS_IN_A_ROW = 8


@dataclass(kw_only=True)
class _Ingest:
    """One recording on its way, and what its sender was told."""

    ref: str
    body: bytes
    uploaded: bool
    status: int | None = None
    recording_id: str | None = None

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was sent."""
        return hashlib.sha256(self.body).hexdigest()


def _send(client: Client, media: MediaThread, ingest: _Ingest) -> None:
    """Upload or announce it once; a server that dies in the middle gives no answer."""
    blocks = slices(ingest.body, _BLOCK)
    try:
        if ingest.uploaded:
            said = client.put(ingest.ref, (_slow(block) for block in blocks), len(ingest.body))
        else:
            url = media.on(f"/{ingest.ref}.wav", flow(len(ingest.body), blocks, pause=0.02))
            said = client.announce(ingest.ref, url)
    except (OSError, http.client.HTTPException):
        return
    ingest.status = said.status
    if said.status in {200, 201, 202}:
        ingest.recording_id = said.json["id" if ingest.uploaded else "recording"]


def _slow(block: bytes) -> bytes:
    time.sleep(0.02)
    return block


async def test_a_kill_at_any_moment_loses_nothing_acknowledged(folder: Path, media: MediaThread) -> None:
    """After kills at random moments all that was acknowledged is there, byte for byte, and no orphan."""
    total = count("ingests under kills", small=12, full=200)
    chance = random.Random(20261124)  # noqa: S311 - the same again
    server = MortalVault(folder, VAULT_MEDIA_ALLOW=media.authority)
    client = server.new_client()
    server.start()
    everything: list[_Ingest] = []
    notes: list[bytes] = []
    kills = interrupted = 0
    try:
        client.open_account()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while len(everything) < total:
                batch = _batch(chance, len(everything), min(_AT_ONCE, total - len(everything)))
                everything += batch
                sending = [pool.submit(_send, client, media, ingest) for ingest in batch]
                await asyncio.sleep(chance.uniform(0, 0.6))
                server.kill()
                kills += 1
                for one in sending:
                    one.result(60)
                interrupted += let_everything_run_out(server.database)
                server.start()
                if kills % _KILLS_IN_A_ROW == 0:
                    notes.append(ask(client.base, "GET", "/v1/access-log/checkpoint").body)
                    _all_there(client, [ingest for ingest in everything if ingest.recording_id])
        acknowledged = [ingest for ingest in everything if ingest.recording_id]
        _all_there(client, acknowledged)
        # Who heard nothing sends it again, and that too is one recording each.
        for ingest in everything:
            if not ingest.recording_id:
                _send(client, media, ingest)
                assert ingest.recording_id, (ingest.ref, ingest.status)
        _all_there(client, everything)
        assert len({ingest.recording_id for ingest in everything}) == total
        assert len(rows(server, "SELECT id FROM recordings")) == total
        _until_manifests_are_written(server)
    finally:
        server.stop()
    print(
        f"{kills} kills, {interrupted} leases and turns cut short, {len(acknowledged)} of {total} acknowledged"
    )
    let_everything_run_out(server.database)
    _leave_objects_without_rows(server)
    removed = await sweep(server)
    print(f"the sweep removed {removed} leftovers")
    assert removed >= 2
    await _nothing_left_over(server)
    told, sounds = [one.recording_id for one in everything], [one.body[-48:] for one in everything]
    check_promises(server, told=told, sounds=sounds, checkpoints=notes)


def _batch(chance: random.Random, number: int, size: int) -> list[_Ingest]:
    return [
        _Ingest(ref=f"call-{n}", body=wav(44 + 4 * chance.randrange(20_000, 500_000), n), uploaded=n % 2 == 0)
        for n in range(number, number + size)
    ]


def _all_there(client: Client, ingests: list[_Ingest]) -> None:
    """Wait until all are available, and compare what is served with what was sent."""
    for ingest in ingests:
        assert ingest.recording_id is not None
        client.wait_for(ingest.recording_id, seconds=90)
        served = client.audio(ingest.recording_id)
        assert served.status == 200
        assert hashlib.sha256(served.body).hexdigest() == ingest.digest


def _until_manifests_are_written(server: MortalVault) -> None:
    deadline = time.monotonic() + 60
    due = (
        "SELECT id FROM recordings WHERE manifest_due "
        "UNION SELECT id FROM accounts WHERE revision <> written_revision"
    )
    while rows(server, due):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _leave_objects_without_rows(server: MortalVault) -> None:
    """Leave what a kill between an object and its row leaves: the moment is too short to be hit each time."""
    row = rows(server, "SELECT * FROM recordings WHERE state = 'available'")[0]
    real = server.data_dir / "objects" / row["audio_location"]
    shutil.copy(real, real.with_name(f"{secrets.token_hex(8)}.audio"))
    unknown = real.parent.with_name(f"rec_{secrets.token_hex(16)}")
    unknown.mkdir()
    shutil.copy(real, unknown / real.name)


async def _nothing_left_over(server: MortalVault) -> None:
    """Compare the files below the object store with what the rows name, and each account's with its newest object."""
    named = {"owner.json", "vault.json"}
    async with inside(server) as opened:
        for account in rows(server, "SELECT * FROM accounts"):
            there = await account_object_names(opened.objects, account["id"])
            names = await sort_by_history(opened.database, there)
            assert names.own[0].revision == account["written_revision"]
            named.add(location_of(names.own[0]))
    for row in rows(server, "SELECT * FROM recordings"):
        assert row["state"] == "available"
        named.add(row["audio_location"])
        named.add(f"manifests/{row['account_id']}/{row['id']}.json")
        if row["rendition_location"]:
            named.add(row["rendition_location"])
    found = {key for key in files_below(server.data_dir / "objects") if not key.startswith("log/")}
    assert found == named
