"""A vault whose S3 server takes every request and answers none: what is 503, what goes on, and what comes back.

A disk without room: 503, nothing half-kept, and all goes on when there is room again.
"""

import resource
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.servers.faulty import FaultyProxy, faulty_proxy
from tests.servers.media_thread import media_thread
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House, open_house
from vault.objects import s3_client
from vault.objects.s3 import S3Store

pytestmark = pytest.mark.faults

AUDIO = tone(0.5)
SMALL, LARGE = tone(0.5), tone(90.0, rate=16000)


@dataclass
class Stage:
    """A running vault, an account with a recording, and the proxy before its S3 server."""

    house: House
    proxy: FaultyProxy
    tenant: Tenant
    recording: str
    url: str

    @property
    def store(self) -> S3Store:
        """Return the vault's object store."""
        store = self.house.vault.playback.audio.objects
        assert isinstance(store, S3Store)
        return store

    def upload(self) -> httpx.Response:
        """Upload a recording."""
        name = secrets.token_hex(4)
        return self.tenant.put(AUDIO, call=f"c-{name}", ref=f"r-{name}")

    def play(self) -> httpx.Response:
        """Download the recording."""
        return self.house.admin.get(self.tenant.url(f"/recordings/{self.recording}/audio"))

    def asked(self) -> int:
        """Return how many requests have reached the store, once no call to it runs and none is on its way."""
        executor = self.store.calls.threads.executor
        # They all meet only when no thread has another call. A call that was given up ends after three seconds.
        meeting = threading.Barrier(executor._max_workers + 1)
        for _ in range(executor._max_workers):
            executor.submit(meeting.wait, 30)
        meeting.wait(30)
        seen = -1
        while seen != (seen := len(self.proxy.requests)):
            time.sleep(1.0)
        return seen


@pytest.fixture
def stage(moto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A vault that is well. Its S3 client gives up a silent server after three seconds."""
    bucket = f"test-{secrets.token_hex(8)}"
    client = s3_client.connect(endpoint_url=moto_url, region=None, connections=1)
    client.create_bucket(Bucket=bucket)
    client.close()
    monkeypatch.setattr(s3_client, "_SILENCE_TIMEOUT", 3)
    with faulty_proxy(moto_url) as proxy, media_thread() as media:
        settings = {
            "VAULT_OBJECTS_URL": f"s3://{bucket}/v?endpoint_url={proxy.url}",
            "VAULT_MEDIA_ALLOW": media.authority,
        }
        with open_house(tmp_path, **settings) as house:
            tenant = Tenant.open(house.admin)
            stage = Stage(house, proxy, tenant, tenant.uploaded(AUDIO), media.serve("/a.wav", AUDIO))
            stage.store.calls.deadline = 0.5
            yield stage
            proxy.answering.set()


def test_a_store_that_hangs_costs_nobody_more_than_a_503(stage: Stage) -> None:
    """Who needs the store gets a 503, soon without any request to it; all else goes on; then all comes back."""
    tenant = stage.tenant
    stage.proxy.answering.clear()
    for ask in (stage.upload, stage.play, stage.play, stage.upload):
        refused = ask()
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["Retry-After"]) >= 1
    # No trial passes any more: from here on the store is left alone.
    stage.store.calls.breaker.now = lambda: 0.0
    assert stage.store.calls.breaker.state == "open"
    asked = stage.asked()
    assert [ask().status_code for ask in (stage.upload, stage.play)] == [503, 503]
    started = tenant.hook("call.started", call_ref="c-1", started_at=moment(datetime.now(UTC)))
    assert started.status_code == 200
    announced = tenant.announce(stage.url, call="c-1", ref="r-1")
    assert announced.status_code == 202
    recording = announced.json()["recording"]
    # A worker may try it in the meantime and fail.
    assert tenant.get(recording)["state"] in {"received", "transferring", "retry_wait"}
    assert stage.asked() == asked
    # A healthy store has the time that it always has.
    stage.store.calls.deadline = s3_client.DEADLINE
    stage.proxy.answering.set()
    stage.store.calls.breaker.now = time.monotonic
    assert tenant.wait(recording)["state"] == "available"
    assert (stage.play().content, stage.upload().status_code) == (AUDIO, 201)


@contextmanager
def room_for(server: VaultProcess, size: int) -> Iterator[None]:
    """Let no file of the server grow past ``size`` bytes: to a process this is what a full disk is."""
    assert server.running is not None
    before = resource.prlimit(server.running.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.running.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.running.pid, resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VaultProcess, Tenant]]:
    """A server that no other test uses."""
    with vault_process(tmp_path_factory.mktemp("f")) as server:
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            yield server, Tenant.open(client)


def files(folder: Path) -> list[str]:
    """Return the audio files and what is left of unfinished ones; nothing that the worker writes meanwhile."""
    every = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    apart = ("manifests", "accounts", "vault.json", "log")
    return sorted(one for one in every if not one.removeprefix(".incoming/").startswith(apart))


def test_no_room_for_audio_is_503(alone: tuple[VaultProcess, Tenant]):
    """The upload is refused with Retry-After, its object is gone, the same PUT works when there is room."""
    server, tenant = alone
    before = files(server.data_dir / "objects")
    with room_for(server, 1024 * 1024):
        answer = tenant.put(LARGE)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True), answer.text
        assert files(server.data_dir / "objects") == before
        assert tenant.http.get(tenant.url("/recordings?state=available")).json()["items"] == []
    recording = tenant.uploaded(LARGE)
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content == LARGE


def test_no_room_for_rows_is_503_and_no_byte_is_heard(alone: tuple[VaultProcess, Tenant]):
    """If the log cannot be written, nothing is noted and nothing served; afterwards all is as before."""
    server, tenant = alone
    recording = tenant.uploaded(SMALL, ref="small")
    path = tenant.url(f"/recordings/{recording}/audio")
    events = len(tenant.events(recording))
    with room_for(server, 1):
        for answer in (
            tenant.hook("call.started", call_ref="c", from_="+14155550101"),
            tenant.http.get(path),
            tenant.http.put(tenant.url(), json={"name": "Other"}),
            tenant.put(SMALL, ref="more"),
        ):
            assert answer.status_code == 503, answer.text
            assert SMALL[44:100] not in answer.content
        assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert tenant.http.get(path).content == SMALL
    after = tenant.types(recording)[events:]
    assert (after.count("download.grant"), set(after) <= {"download.grant", "download.end"}) == (1, True)
    assert tenant.http.get(tenant.url()).json()["name"] == tenant.name
    assert tenant.put(SMALL, ref="more").status_code == 201
