"""What a platform sends a second time, or by another way, with a kill at every step: it is available, and is heard.

Two calls number their recordings alike; what failed or waits is announced again, retried, or uploaded over; a media
host redirects. The process dies at the n-th edge of the work that follows. The next process goes on, and the platform
sends again what nobody answered.
"""

import contextlib
import http.client
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.dying_nth import PASSED, REACHED, WANTED
from tests.faults.dying_vault import dying_vault
from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault
from tests.faults.switch_check import Look
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Answer, Client
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

_SIZE = 40_044
_PATIENCE = 60.0
#: Rows whose recording is not where it must come to.
_UNFINISHED = "SELECT id FROM recordings WHERE manifest_due OR state <> 'available'"
#: Sends the same request each time, as a platform does that got no answer.
Act = Callable[[], Answer]


@dataclass(kw_only=True)
class _House:
    """A service that dies at an edge, what it was sent, and what it must have in the end."""

    server: MortalVault
    client: Client
    media: MediaThread
    look: Look
    #: The bytes of each recording, by its id.
    expected: dict[str, bytes] = field(default_factory=dict)

    def delivery(self, ref: str, url: str, **facts: object) -> Act:
        """Sign a webhook."""
        body, headers = self.client.announcement(ref, url, **facts)
        return lambda: self.client.deliver(body, headers)

    def bytes_at(self, path: str) -> tuple[str, bytes]:
        """Serve new bytes."""
        body = wav(_SIZE, len(self.expected) + self.media.asked_for(path) + secrets.randbelow(10_000))
        return self.media.serve(path, body), body

    def without_audio(self, ref: str, status: int, state: str) -> str:
        """Announce a recording that its host does not have, and return its id when the vault knows that."""
        url = self.media.on(f"/{ref}/none.wav", answer(status=status))
        recording: str = self.delivery(ref, url)().json["recording"]
        self.client.wait_for(recording, state)
        return recording

    def kill_at(self, edge: int) -> None:
        """Arm it; edge 0 is never reached."""
        (self.server.data_dir / f"{WANTED}.new").write_text(f"{edge} {secrets.token_hex(4)}")
        (self.server.data_dir / f"{WANTED}.new").rename(self.server.data_dir / WANTED)

    def attempt(self, act: Act) -> Answer | None:
        """Send once; None where no answer came."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return act()
        return None

    def has_died(self, said: Answer | None) -> bool:
        """Wait until it has died, or until nothing is left to do; then disarm it."""
        assert self.server.running is not None
        deadline = time.monotonic() + _PATIENCE
        while said is None or self.look(_UNFINISHED):
            if self.server.running.poll() is not None:
                break
            assert time.monotonic() < deadline, self.look(_UNFINISHED)
            time.sleep(0.02)
        time.sleep(0.2)
        (self.server.data_dir / WANTED).unlink(missing_ok=True)
        if self.server.running.poll() is None:
            return False
        assert self.server.running.wait() == -signal.SIGKILL
        (self.server.data_dir / REACHED).unlink()
        self.server.stop()
        return True

    def start_again(self) -> None:
        """Start the next process, as if every lease had run out."""
        let_everything_run_out(self.server.environment.get("VAULT_DATABASE_URL", self.server.database))
        self.server.start()


def _same_name(house: _House, ref: str) -> tuple[Act, bytes]:
    url, body = house.bytes_at(f"/{ref}/a.wav")
    first: str = house.delivery(f"{ref}-a", url, recording_ref="1")().json["recording"]
    house.client.wait_for(first)
    house.expected[first] = body
    url, body = house.bytes_at(f"/{ref}/b.wav")
    return house.delivery(f"{ref}-b", url, recording_ref="1"), body


def _again(status: int, state: str) -> Callable[[_House, str], tuple[Act, bytes]]:
    def begun(house: _House, ref: str) -> tuple[Act, bytes]:
        house.without_audio(ref, status, state)
        url, body = house.bytes_at(f"/{ref}/better.wav")
        return house.delivery(ref, url), body

    return begun


def _uploaded(status: int, state: str) -> Callable[[_House, str], tuple[Act, bytes]]:
    def begun(house: _House, ref: str) -> tuple[Act, bytes]:
        house.without_audio(ref, status, state)
        _, body = house.bytes_at(f"/{ref}/uploaded.wav")
        return lambda: house.client.put(ref, body, len(body)), body

    return begun


def _retried(house: _House, ref: str) -> tuple[Act, bytes]:
    recording = house.without_audio(ref, 410, "failed")
    url, body = house.bytes_at(f"/{ref}/better.wav")
    path = f"{house.client.home}/recordings/{recording}"

    def retry() -> Answer:
        asked = house.client.rest("POST", f"{path}/retry", {"recording_url": url})
        # A client that got no answer is told that the recording is there.
        return house.client.rest("GET", path) if asked.status == 409 else asked

    return retry, body


def _redirected(house: _House, ref: str) -> tuple[Act, bytes]:
    url, body = house.bytes_at(f"/{ref}/good.wav")
    login = house.media.on(f"/{ref}/login.wav", answer(status=302, headers={"Location": url}))
    return house.delivery(ref, login), body


_WAYS: dict[str, Callable[[_House, str], tuple[Act, bytes]]] = {
    "same name in another call": _same_name,
    "failed, announced again": _again(410, "failed"),
    "waits, announced again": _again(404, "retry_wait"),
    "failed, uploaded over": _uploaded(410, "failed"),
    "waits, uploaded over": _uploaded(404, "retry_wait"),
    "failed, retried": _retried,
    "redirected": _redirected,
}


@pytest.fixture
def house(folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest) -> Iterator[_House]:
    """The service on either database. In the end everything is there once, and every promise holds."""
    with dying_vault(folder, media, kind, request, program="tests.faults.dying_nth") as (
        server,
        client,
        look,
    ):
        made = _House(server=server, client=client, media=media, look=look)
        yield made
    assert {row["id"] for row in look("SELECT id FROM recordings")} == set(made.expected)
    check_promises(server, told=made.expected, sounds=[body[-48:] for body in made.expected.values()])


def _until_taken(act: Act) -> Answer:
    """Send again, and again while the next process itself is at work on the recording."""
    deadline = time.monotonic() + 2 * _PATIENCE
    while (answered := act()).status == 409 and answered.json["reasons"] == ["busy"]:
        assert time.monotonic() < deadline, answered.body
        time.sleep(0.1)
    return answered


def _ends_available(house: _House, way: str, ref: str, edge: int) -> bool:
    """Go one way with a kill at an edge, hear the recording, and repeat the request; return whether it died."""
    act, body = _WAYS[way](house, ref)
    house.kill_at(edge)
    said = house.attempt(act)
    died = house.has_died(said)
    if died:
        house.start_again()
    # Who was answered does not send again.
    answered = said or _until_taken(act)
    assert answered.status in {200, 201, 202}, answered.body
    recording: str = answered.json.get("recording") or answered.json["id"]
    house.client.wait_for(recording)
    house.expected[recording] = body
    assert house.client.audio(recording).body == body
    repeated = act()
    assert (repeated.status, repeated.json.get("recording") or repeated.json["id"]) == (200, recording)
    assert house.client.audio(recording).body == body
    return died


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
@pytest.mark.parametrize("way", _WAYS)
def test_it_ends_available_wherever_its_process_dies(house: _House, kind: str, way: str) -> None:
    """Every edge of the way has its kill; the recordings that were there before are heard as before."""
    # The first work of a process takes more calls than later work.
    for number in range(2):
        assert not _ends_available(house, way, f"alive-{number}", 0)
    edges = int((house.server.data_dir / PASSED).read_text())
    tried = count(f"kills at edges: {way}, {kind}", small=2, full=edges)
    places = [number * edges // tried for number in range(1, tried + 1)]
    died = sum(_ends_available(house, way, f"killed-{edge}", edge) for edge in places)
    # The work differs by a call or two from time to time, so the last edges may lie behind its end.
    assert died >= tried - max(1, tried // 10), f"{died} of {tried} were killed"
    print(f"{died} killed at {edges} edges of {way}, {kind}")
    for recording, body in house.expected.items():
        assert house.client.audio(recording).body == body
