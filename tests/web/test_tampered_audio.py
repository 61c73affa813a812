"""Audio that somebody changed in the object store: a clean error, or a cut answer, and never a byte of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.support.audio_listener import Hearing
from tests.support.telephone_audio import wav
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from vault.database.schema.core import recordings

pytestmark = pytest.mark.faults

#: Frames of the object, each with 32 bytes beside its plaintext.
FRAME, OVERHEAD = 64 * 1024, 32
#: Thirty frames and a bit, in windows that begin at these bytes.
BODY = wav(30 * FRAME + 1000, 8)
WINDOWS = [0, FRAME, 3 * FRAME, 7 * FRAME, 15 * FRAME]
Damage = Callable[[bytes], bytes]


@dataclass
class Stored:
    """A recording, and the file of its audio."""

    tenant: Tenant
    recording: str
    path: Path
    #: Bytes before the first frame.
    header: int

    @classmethod
    def of(cls, house: House, tenant: Tenant, ref: str) -> "Stored":
        """Upload a recording."""
        recording = tenant.uploaded(BODY, ref=ref)
        row = house.call(house.vault.database.read, lambda tx: tx.recordings.by_id(recording))
        path = house.vault.playback.audio.objects.root / row.audio.location
        return cls(tenant, recording, path, len(row.audio.header))

    def place(self, frame: int, within: int = 0) -> int:
        """Return where a byte of a frame lies in the object: number, IV, ciphertext, tag."""
        return self.header + frame * (FRAME + OVERHEAD) + within

    def change(self, damage: Damage) -> None:
        """Write a changed object behind the vault's back."""
        before = self.path.read_bytes()
        after = damage(before)
        assert after != before
        self.path.unlink()
        self.path.write_bytes(after)

    def alarms(self) -> int:
        """Return how often the log says that it was tampered with."""
        return self.tenant.types(self.recording).count("recording.tampered")


@pytest.fixture(scope="module")
def two(house: House) -> tuple[Stored, Stored]:
    """Two recordings of one account."""
    tenant = Tenant.open(house.admin)
    return Stored.of(house, tenant, "one"), Stored.of(house, tenant, "two")


@pytest.fixture
def one(two: tuple[Stored, Stored]) -> Iterator[Stored]:
    """A recording that is as it was again after the test."""
    before = two[0].path.read_bytes()
    yield two[0]
    two[0].path.unlink(missing_ok=True)
    two[0].path.write_bytes(before)


def flipped(at: int) -> Damage:
    """Return what flips one bit."""
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@pytest.fixture(params=["session", "key"])
def ask(request: pytest.FixtureRequest, house: House, one: Stored) -> Callable[..., Hearing]:
    """Ask for the audio, as a listener and as a program."""

    def asking(part: str | None = None) -> Hearing:
        headers = {"Range": part} if part else {}
        if request.param == "key":
            path = one.tenant.url(f"/recordings/{one.recording}/audio")
            return Hearing(house.url, path, headers | {"Authorization": f"Bearer {house.key}"})
        browser = house.client()
        where = open_link(browser, one.tenant.link(one.recording)["url"]).headers["location"]
        cookie = f"{where[3:]}={browser.cookies[where[3:]]}"
        return Hearing(house.url, f"{where}/audio", headers | {"Cookie": cookie})

    return asking


def refused(one: Stored, hearing: Hearing, alarms: int) -> None:
    """Check a clean 500 without detail and without a byte, on record."""
    hearing.read_on()
    assert hearing.status == 500
    assert b"content-type: application/problem+json" in hearing.head
    said = bytes(hearing.body)
    assert b"It is in the server's log." in said
    assert b"frame" not in said
    assert b"object" not in said
    assert BODY[:16] not in said
    hearing.close()
    assert one.alarms() == alarms + 1


def cut(one: Stored, hearing: Hearing, whole: int, alarms: int) -> None:
    """Check that exactly ``whole`` bytes came, in an answer that promised all of them, and that it is on record."""
    assert hearing.broken_off
    assert (hearing.status, hearing.length) == (200, len(BODY))
    assert bytes(hearing.body) == BODY[:whole]
    hearing.close()
    assert one.alarms() == alarms + 1


def window_of(frame: int) -> int:
    """Return where the window begins in which a frame is."""
    return max(start for start in WINDOWS if start <= frame * FRAME)


@pytest.mark.parametrize("within", [0, 3, 4, 15, 16, 1000, 16 + FRAME - 1, 16 + FRAME, FRAME + OVERHEAD - 1])
def test_a_changed_first_frame_is_a_clean_error(one: Stored, ask: Callable[..., Hearing], within: int):
    """Wherever a bit of it is flipped: in its number, its IV, its ciphertext or its tag."""
    alarms = one.alarms()
    one.change(flipped(one.place(0, within)))
    refused(one, ask(), alarms)


@pytest.mark.parametrize("frame", [1, 2, 3, 10, 14, 15, 29, 30])
def test_a_changed_later_frame_cuts_the_answer(one: Stored, ask: Callable[..., Hearing], frame: int):
    """What was heard ends before the window of the frame, and looks like no whole answer; a range says 500."""
    alarms = one.alarms()
    one.change(flipped(one.place(frame, 5000 if frame < 30 else 500)))
    cut(one, ask(), window_of(frame), alarms)
    good = ask(f"bytes=0-{frame * FRAME - 1}")
    assert good.read_on() == frame * FRAME
    good.close()
    refused(one, ask(f"bytes={frame * FRAME}-"), alarms + 1)


def test_a_cut_answer_is_a_line_in_the_log(
    one: Stored, ask: Callable[..., Hearing], caplog: pytest.LogCaptureFixture
):
    """It says what broke it, and no error of the web server's own hides that."""
    one.change(flipped(one.place(20, 5000)))
    cut(one, ask(), window_of(20), one.alarms())
    said = [(record.message, getattr(record, "fields", {})) for record in caplog.records]
    assert said.count(("web.stream_broken", {"error": "Tampered"})) == 1
    assert [record.message for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("left", [0, 1, "header", "half a frame"])
def test_an_object_without_a_whole_frame_is_a_clean_error(
    one: Stored, ask: Callable[..., Hearing], left: int | str
):
    """However little of it is left."""
    alarms = one.alarms()
    end = {"header": one.header, "half a frame": one.header + FRAME // 2}.get(left, left)
    one.change(lambda body: body[:end])
    refused(one, ask(), alarms)


@pytest.mark.parametrize("frames", [1, 2, 3, 20, 30])
@pytest.mark.parametrize("more", [0, 100])
def test_a_shortened_object_cuts_the_answer(one: Stored, ask: Callable[..., Hearing], frames: int, more: int):
    """At the seam of two frames, where each that is left is whole, as well as in the middle of one."""
    alarms = one.alarms()
    one.change(lambda body: body[: one.place(frames, more)])
    cut(one, ask(), window_of(frames), alarms)


def test_frames_in_another_order_are_no_audio(one: Stored, ask: Callable[..., Hearing]):
    """Each of them is whole and was sealed under the key, and stands where another should."""
    alarms = one.alarms()
    first, second, third = (one.place(frame) for frame in range(3))
    one.change(lambda body: body[:first] + body[second:third] + body[first:second] + body[third:])
    refused(one, ask(), alarms)


def test_anothers_object_is_no_audio(one: Stored, two: tuple[Stored, Stored], ask: Callable[..., Hearing]):
    """It is whole, and was sealed for the same account."""
    alarms = one.alarms()
    one.change(lambda _: two[1].path.read_bytes())
    refused(one, ask(), alarms)


def test_an_object_that_was_taken_away_is_missing_and_not_tampered(one: Stored, ask: Callable[..., Hearing]):
    """503 with a reason of its own, on record as what it is; put back, the recording plays again."""
    alarms, missing = one.alarms(), one.tenant.types(one.recording).count("recording.missing")
    before = one.path.read_bytes()
    one.path.unlink()
    hearing = ask()
    hearing.read_on()
    assert hearing.status == 503
    assert b"retry-after: 60" in hearing.head
    problem = json.loads(bytes(hearing.body))
    assert problem["reasons"] == ["recording_missing"]
    assert "restore it" in problem["detail"]
    hearing.close()
    assert one.tenant.types(one.recording).count("recording.missing") == missing + 1
    one.path.write_bytes(before)
    heard = ask()
    assert heard.read_on() == len(BODY)
    heard.close()
    assert one.alarms() == alarms


def test_a_forged_key_is_an_alarm(house: House, one: Stored, ask: Callable[..., Hearing]):
    """One that somebody wrote into the row opens nothing."""
    alarms = one.alarms()

    def overwrite(key: bytes) -> bytes:
        column = recordings.c.wrapped_key
        mine = recordings.c.id == one.recording

        def swap(tx):
            before = tx.connection.execute(select(column).where(mine)).scalar_one()
            tx.connection.execute(update(recordings).where(mine).values(wrapped_key=key))
            return before

        return house.call(house.vault.database.write, swap)

    before = overwrite(b"\1" + bytes(60))
    try:
        refused(one, ask(), alarms)
    finally:
        overwrite(before)
