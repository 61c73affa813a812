"""A process that is killed exactly at each point of bringing a recording in, and of erasing one."""

import contextlib
import http.client
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.dying_at import ANSWERED, POINTS, REACHED, WANTED
from tests.faults.dying_vault import dying_vault
from tests.faults.inside import files_below
from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault
from tests.faults.switch_check import Look
from tests.servers.media_thread import MediaThread
from tests.support.counts import count
from tests.support.raw_client import Answer, Client, ask
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

#: More than two blocks of what is sealed in one step; and more than is fetched again after a crash.
_SIZE, _STORED_SIZE = 2_300_044, 17_000_044
_PATIENCE = 60.0
#: What each kill of a test hits, in the order of a recording's life.
_BRINGING_IN = {
    "announcing": (
        "the announcement is written",
        "the announcement is committed",
        ANSWERED,
        "the claim is written",
        "the claim is committed",
    ),
    "fetching": (
        "half of it is fetched",
        "all of it is sent to the store",
        "the object is durable",
        "the object is visible",
    ),
    "storing": (
        "the object is finished",
        "stored is written",
        "stored is committed",
        "the claim to describe is committed",
    ),
    "at the gate": (
        "the sealed object has no row",
        "it is described",
        "the gate is written",
        "the gate is committed",
        "the log is grown",
    ),
    "available": ("the manifest is due", "the manifest is there", "the manifest is noted"),
}
_ERASING = {
    "shredding": (
        "the erasure is written",
        "the act is committed",
        "the act is stored",
        "the keys are shredded",
        "the objects are to be deleted",
        "the manifest is deleted",
    ),
    "removing": (
        "the audio is deleted",
        "erased is written",
        "erased is committed",
        "the tombstone is due",
        "the tombstone is there",
    ),
}
#: What somebody hears who sends again what was not answered.
_AGAIN = {"the announcement is written": {"accepted"}, "the announcement is committed": {"duplicate"}}
_NOT_ANSWERED = {
    "the erasure is written",
    "the act is committed",
    "the act is stored",
    "the keys are shredded",
}
_KINDS = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])


@dataclass(kw_only=True)
class _House:
    """A service that dies where it is told to, what it was sent, and what it said."""

    server: MortalVault
    client: Client
    media: MediaThread
    look: Look
    told: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)

    def announce(self, ref: str, url: str) -> Answer | None:
        """Announce a recording; None where no answer came."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.client.announce(ref, url)
        return None

    def delete(self, recording_id: str) -> Answer | None:
        """Erase a recording; None where no answer came."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.client.rest("DELETE", f"{self.client.home}/recordings/{recording_id}")
        return None

    def will_die(self, point: str) -> None:
        """Keep what the log has signed so far, and name the point."""
        self.notes.append(ask(self.client.base, "GET", "/v1/access-log/checkpoint").body)
        (self.server.data_dir / f"{WANTED}.new").write_text(point)
        (self.server.data_dir / f"{WANTED}.new").rename(self.server.data_dir / WANTED)

    def has_died(self, point: str) -> None:
        """Wait for the death, see that it was this one, and start again as if every lease had run out."""
        assert self.server.running is not None
        assert self.server.running.wait(_PATIENCE) == -signal.SIGKILL
        reached = self.server.data_dir / REACHED
        assert reached.read_text() == point
        reached.unlink()
        self.server.stop()
        let_everything_run_out(self.server.environment.get("VAULT_DATABASE_URL", self.server.database))
        self.server.start()

    def until_none(self, query: str) -> None:
        """Poll until a query finds no row."""
        deadline = time.monotonic() + _PATIENCE
        while found := self.look(query):
            assert time.monotonic() < deadline, found
            time.sleep(0.03)


@pytest.fixture
def house(folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest) -> Iterator[_House]:
    """The service on either database. In the end everything that it was told is there, and nothing else."""
    with dying_vault(folder, media, kind, request, program="tests.faults.dying_at") as (server, client, look):
        made = _House(server=server, client=client, media=media, look=look)
        yield made
        made.until_none("SELECT id FROM recordings WHERE manifest_due")
        made.until_none("SELECT event_id FROM closing_acts WHERE NOT stored")
        made.notes.append(ask(client.base, "GET", "/v1/access-log/checkpoint").body)
    assert len(look("SELECT id FROM recordings")) == len(made.told) == len(set(made.told))
    check_promises(server, told=made.told, sounds=[one[-48:] for one in made.bodies], checkpoints=made.notes)
    _nothing_else_lies_there(made)


def _nothing_else_lies_there(house: _House) -> None:
    """Compare the files of recordings with what the rows name."""
    there = house.look("SELECT * FROM recordings WHERE state = 'available'")
    named = {row["audio_location"] for row in there}
    named |= {f"manifests/{row['account_id']}/{row['id']}.json" for row in there}
    files = files_below(house.server.data_dir / "objects")
    assert {one for one in files if one.startswith(("recordings/", "manifests/", ".incoming/"))} == named


def _bring_in(house: _House, ref: str, point: str | None = None, *, size: int = _SIZE) -> str:
    """Bring a recording in, with a kill at the point, and return its id once it is there, byte for byte."""
    body = wav(size, len(house.bodies))
    house.bodies.append(body)
    url = house.media.serve(f"/{ref}.wav", body)
    if point is not None:
        house.will_die(point)
    said = house.announce(ref, url)
    if point is not None:
        house.has_died(point)
    # A commit wakes the worker, so what follows it may kill the server before its answer has left.
    assert said is None or point not in _AGAIN
    assert said is not None or point is not None
    if said is None:
        said = house.announce(ref, url)
        assert said is not None
        assert said.json["status"] in _AGAIN.get(str(point), {"accepted", "duplicate"})
    assert said.status in {200, 202}
    recording_id: str = said.json["recording"]
    house.told.append(recording_id)
    house.client.wait_for(recording_id)
    assert house.client.audio(recording_id).body == body
    return recording_id


def _erase(house: _House, recording_id: str, point: str) -> None:
    """Erase a recording, with a kill at the point: it is heard until that was committed, and never again."""
    house.until_none("SELECT id FROM recordings WHERE manifest_due")
    house.will_die(point)
    said = house.delete(recording_id)
    house.has_died(point)
    assert said is None or point not in _NOT_ANSWERED
    heard = house.client.audio(recording_id).status
    assert heard == 200 if point == "the erasure is written" else heard in {404, 410}
    again = house.delete(recording_id)
    assert again is not None
    # Until the next process knows that the act is in the object store, asking again sees to that, and is well.
    assert again.status in ({202} if point == "the erasure is written" else {202, 410})
    house.client.wait_for(recording_id, "erased")
    assert not [one for one in files_below(house.server.data_dir / "objects") if recording_id in one]
    assert house.client.audio(recording_id).status in {404, 410}


def test_every_point_is_hit_by_a_test() -> None:
    """No point that the dying service knows is left out."""
    tried = [point for phase in (*_BRINGING_IN.values(), *_ERASING.values()) for point in phase]
    assert len(tried) == len(set(tried))
    assert set(tried) == {point.name for point in POINTS} | {ANSWERED}


@_KINDS
@pytest.mark.parametrize("phase", _BRINGING_IN)
def test_a_kill_at_each_point_of_bringing_in_loses_nothing(house: _House, kind: str, phase: str) -> None:
    """What was acknowledged becomes available; what was not can be sent again, and is there once."""
    kills = count("kills at each point of bringing a recording in", small=1, full=10)
    for number in range(kills):
        for place, point in enumerate(_BRINGING_IN[phase]):
            size = _STORED_SIZE if phase == "storing" else _SIZE
            _bring_in(house, f"call-{number}-{place}", point, size=size)


@_KINDS
@pytest.mark.parametrize("phase", _ERASING)
def test_a_kill_at_each_point_of_an_erasure_leaves_nothing(house: _House, kind: str, phase: str) -> None:
    """What was erased stays erased, and what a kill left of it is removed by the next process."""
    kills = count("kills at each point of an erasure", small=1, full=10)
    for number in range(kills):
        for place, point in enumerate(_ERASING[phase]):
            _erase(house, _bring_in(house, f"call-{number}-{place}"), point)
