"""A disk without room: 503, nothing half-kept, and all goes on when there is room again."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import Tenant, tone

pytestmark = pytest.mark.faults

SMALL, LARGE = tone(0.5), tone(90.0, rate=16000)


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
