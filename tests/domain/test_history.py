"""The history of a recording: events become sentences, and windows of bytes become seconds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.history import OpenedEvent, Origins, write_history
from vault.domain.audit_log.listening import Timeline, encode_heard, header_bytes, listenings

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
#: Four hundred seconds of PCM16 at 8000 samples a second, behind 44 bytes.
SECOND, HEADER = 16_000, 44
WAV = Timeline(size=HEADER + 400 * SECOND, duration=400.0, header=HEADER)
#: As much of a codec whose bit rate changes.
MP3 = Timeline(size=1_000_000, duration=400.0, header=None)
ORIGINS = Origins(
    received_at=NOON, connection_id="conn_1", connection="main", sealed_at=None, played=WAV, original=WAV
)


def event(kind: Any, **said: Any) -> AccessEvent:
    """Return an event of one recording."""
    named = {"account_id": "acc_1", "actor": "worker", "recording_id": "rec_1", "at": NOON}
    return AccessEvent(type=kind, **(named | said))


def story(*events: AccessEvent | tuple[AccessEvent, dict[str, str]], **origins: Any) -> list[str]:
    """Return the sentences for events with indexes from 10 on, without the first, of how it came."""
    pairs = [one if isinstance(one, tuple) else (one, {}) for one in events]
    opened = [OpenedEvent(index=10 + n, event=one, detail=said) for n, (one, said) in enumerate(pairs)]
    return [item.text for item in write_history(replace(ORIGINS, **origins), opened)][1:]


def in_session(
    kind: Any, first: int | None = None, end: int | None = None, session: str = "s"
) -> AccessEvent:
    """Return an event of a session of Robin's link."""
    return event(kind, actor=session, link_id="link_1", session_id=session, first=first, end=end)


MADE = (event("link.created", actor="key_1", link_id="link_1"), {"listener": "Robin"})
OPENED = (in_session("playback.open"), {"address": "192.0.2.1", "user_agent": "b"})


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (event("recording.available"), "Available"),
        (event("recording.available", evidence="d1"), "Available: the evidence was complete"),
        (event("recording.available", result="released"), "Available: an admin released it"),
        (
            event("recording.quarantined", result="not_told"),
            "Quarantined: nobody told the caller of the recording",
        ),
        (event("recording.quarantined", result="not_known_here"), "Quarantined: not known here"),
        (event("recording.refused", result="declined"), "Refused: declined"),
        (event("recording.failed", result="fetch_failed"), "Failed: fetch failed"),
        (event("recording.restricted"), "Restricted"),
        (event("recording.restricted", result="withdrawn"), "Restricted: withdrawn"),
        (event("recording.unrestricted"), "Restriction lifted"),
        (event("recording.erasing"), "Erasing"),
        (event("recording.erased"), "Erased"),
        (event("source.deleted", result="deleted"), "The provider's copy was deleted"),
        (event("source.deleted", result="gone"), "The provider's copy was deleted: it no longer existed"),
        (event("waveform.read", actor="key_1"), "Waveform read by key_1"),
        (event("recording.paused"), "Recording paused"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_event_is_a_sentence(one: AccessEvent, text: str):
    """With its reason where there is one: the recording's own words, ours, or the code's."""
    reasons = {"not_told": "Nobody told the caller of the recording."}
    assert story(one, reasons=reasons, let_in={"d1": "evidence_complete"}) == [text]


def test_the_row_tells_how_it_came_and_was_sealed():
    """An upload has no connection; the sealing stands before the first event that is later."""
    late = event("recording.available", at=NOON + timedelta(seconds=9))
    opened = [OpenedEvent(index=3, event=one, detail={}) for one in (event("recording.missed"), late)]
    origins = replace(ORIGINS, sealed_at=NOON + timedelta(seconds=5))
    found = write_history(origins, opened)
    assert [(item.text, item.index) for item in found] == [
        ("Announced by connection main", None),
        ("Found in the provider's list, without a webhook", 3),
        ("Sealed", None),
        ("Available", 3),
    ]
    (uploaded,) = write_history(replace(ORIGINS, connection_id=None, connection=None), [])
    assert (uploaded.text, uploaded.kind, uploaded.actor) == ("Uploaded", "recording.received", None)


def test_a_link_is_told_by_the_name_it_was_made_for():
    """Also where an event names the session alone, and where its making comes later in the log."""
    seen = replace(in_session("waveform.read"), link_id=None)
    denied = event("playback.denied", link_id="link_1", actor="link_1", result="used_up")
    found = story(
        OPENED, seen, MADE, (denied, {"address": "192.0.2.7"}), event("link.revoked", link_id="link_1")
    )
    assert found == [
        "Opened by Robin from 192.0.2.1",
        "Waveform read by Robin",
        "Link created for Robin",
        "Not opened for Robin from 192.0.2.7: used up",
        "Link for Robin revoked",
    ]
    assert story((MADE[0], {}), in_session("playback.open")) == [
        "Link created for somebody",
        "Opened by somebody",
    ]


def at(second: float) -> int:
    """Return the byte at which a second of the WAV begins."""
    return HEADER + round(second * SECOND)


def grant(first: float, end: float, session: str = "s") -> AccessEvent:
    """Grant seconds."""
    return in_session("playback.grant", at(first), at(end), session)


def sent(seconds: float, session: str = "s") -> AccessEvent:
    """End a request."""
    return in_session("playback.end", end=round(seconds * SECOND), session=session)


@pytest.mark.parametrize(
    ("events", "texts"),
    [
        ([grant(192, 340)], ["Granted 03:12-05:40 to Robin; how much of it was sent is not known"]),
        ([grant(192, 340), sent(148)], ["Sent 03:12-05:40 to Robin"]),
        ([grant(192, 340), sent(0)], ["Granted 03:12-05:40 to Robin; nothing of it was sent"]),
        ([grant(192, 200), grant(200, 340), sent(148)], ["Sent 03:12-05:40 to Robin"]),
        (
            [grant(192, 200), grant(200, 340), sent(18)],
            ["Sent 03:12-03:30 to Robin, of 03:12-05:40 that was granted"],
        ),
        ([grant(0, 10), sent(10), grant(10, 20), sent(10)], ["Sent 00:00-00:20 to Robin"]),
        (
            [grant(0, 10), sent(10), grant(10, 20)],
            ["Sent 00:00-00:10 to Robin, of 00:00-00:20 that was granted"],
        ),
        (
            [grant(0, 10), sent(2), grant(5, 20), sent(3), grant(8, 20), sent(0)],
            ["Sent 00:00-00:02 and 00:05-00:08 to Robin, of 00:00-00:20 that was granted"],
        ),
        (
            [one for n in range(9) for one in (grant(2 * n, 2 * n + 2), sent(1))],
            ["Sent 9 parts to Robin, of 00:00-00:18 that was granted"],
        ),
        (
            [grant(60, 70), sent(10), grant(10, 20), sent(10)],
            ["Sent 01:00-01:10 to Robin", "Sent 00:10-00:20 to Robin"],
        ),
        # Two requests concurrently: each end is the one whose windows it fits.
        (
            [grant(0, 4), grant(100, 104), grant(104, 112), sent(4), sent(10)],
            ["Sent 00:00-00:04 to Robin", "Sent 01:40-01:50 to Robin, of 01:40-01:52 that was granted"],
        ),
        (
            [grant(0, 10), sent(10), grant(10, 20, "other"), sent(10, "other")],
            ["Sent 00:00-00:10 to Robin", "Sent 00:10-00:20 to Robin"],
        ),
        ([grant(0.5, 1.5), sent(1)], ["Sent 00:00-00:02 to Robin"]),
        ([sent(1)], []),
    ],
)  # fmt: skip
def test_windows_become_seconds(events: list[AccessEvent], texts: list[str]):
    """What touches in a session is one part; granted and sent are told apart, and neither is called heard."""
    assert story(MADE, *events) == ["Link created for Robin", *texts]


@pytest.mark.parametrize(
    ("duration", "last"), [(34.04, "00:34"), (34.999, "00:34"), (0.5, "00:00"), (35.0, "00:35")]
)
def test_no_second_is_beyond_the_duration(duration: float, last: str):
    """Rounding outwards ends where the sound does."""
    size = HEADER + round(duration * SECOND)
    short = Timeline(size=size, duration=duration, header=HEADER)
    whole = in_session("playback.grant", 0, size), in_session("playback.end", end=size)
    assert story(MADE, *whole, played=short)[1:] == [f"Sent 00:00-{last} to Robin"]


def test_hours_have_a_place_of_their_own():
    """Beyond an hour the clock has three parts."""
    long = Timeline(size=HEADER + 7300 * SECOND, duration=7300.0, header=HEADER)
    assert story(grant(3599, 7265), sent(3666), played=long)[0] == "Sent 59:59-2:01:05 to somebody"


@pytest.mark.parametrize(
    ("first", "end", "what"),
    [(0, MP3.size, "00:00-06:40"), (0, 500_000, "a part"), (1, MP3.size, "a part")],
)
def test_a_changing_bit_rate_tells_the_ends_alone(first: int, end: int, what: str):
    """A byte in the middle is at no second that could be named."""
    one = in_session("playback.grant", first, end)
    whole = in_session("playback.end", end=end - first)
    assert story(MADE, one, whole, played=MP3)[1] == f"Sent {what} to Robin"
    assert story(MADE, one, whole, played=None)[1] == "Sent a part to Robin"
    unknown = story(MADE, one, in_session("playback.end", end=1), played=MP3)[1]
    assert unknown == f"Sent a part to Robin, of {what} that was granted"


def test_downloads_are_told_one_by_one():
    """The windows of one are joined; the same bytes twice are two downloads, by the key that got them."""
    windows = [(0, at(4)), (at(4), at(12)), (at(12), WAV.size), (0, at(4))]
    events = [event("download.grant", actor="key_1", first=first, end=end) for first, end in windows]
    ends = [event("download.end", actor="key_1", end=end) for end in (at(4), WAV.size)]
    assert story(*events, *ends) == [
        "Sent 00:00-06:40 to key_1 as a file",
        "Sent 00:00-00:04 to key_1 as a file",
    ]


def test_a_download_by_a_link_is_told_apart_from_what_was_played():
    """By the listener's name, with what was sent of each: an end belongs to the kind of its grant."""
    events = [
        MADE, grant(0, 4),
        in_session("download.grant", 0, at(4)), in_session("download.grant", at(4), WAV.size),
        in_session("download.end", end=WAV.size), sent(2),
    ]  # fmt: skip
    assert story(*events)[1:] == [
        "Sent 00:00-00:02 to Robin, of 00:00-00:04 that was granted",
        "Sent 00:00-06:40 to Robin as a file",
    ]


def test_what_a_player_reports_is_told_once_for_each_session_and_marked():
    """Its spans are joined over its reports; where the details cannot be opened, there is nothing to tell."""

    def report(said: str, session: str = "s") -> tuple[AccessEvent, dict[str, str]]:
        return in_session("playback.heard", session=session), {"heard": said}

    events = [MADE, grant(0, 60), report("0-12,40-50"), report("5-6", "t"), sent(60), report("12-14")]
    assert story(*events, (in_session("playback.heard", session="u"), {}))[2:] == [
        "Played 00:00-00:14 and 00:40-00:50, as the player of Robin reports; this cannot be checked",
        "Played 00:05-00:06, as the player of Robin reports; this cannot be checked",
    ]
    first = write_history(ORIGINS, [OpenedEvent(index=7, event=report("3-9")[0], detail=report("3-9")[1])])[
        -1
    ]
    assert (first.index, first.first_second, first.last_second, first.kind) == (7, 3, 9, "playback.heard")


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(0.2, 3.1), (3.9, 5.0)], "0-5"),
        ([(7.5, 8.2), (1.0, 2.0)], "1-2,7-9"),
        ([(9.0, 9.0), (58.5, 70.0), (80.0, 90.0)], "58-59"),
        ([], ""),
    ],
)
def test_a_report_is_kept_in_whole_seconds_of_the_recording(spans: list[tuple[float, float]], said: str):
    """Rounded outwards, in order, joined where they touch, and never beyond the end."""
    assert encode_heard(spans, duration=59.3) == said


def test_an_item_has_its_place_and_its_seconds():
    """That of the first window, with who listened and who acted."""
    events = [MADE, (grant(20, 30), {}), (grant(5, 20), {})]
    opened = [OpenedEvent(index=10 + n, event=one, detail=said) for n, (one, said) in enumerate(events)]
    item = write_history(ORIGINS, opened)[-1]
    assert (item.index, item.first_second, item.last_second) == (11, 5, 30)
    assert (item.listener, item.actor, item.kind) == ("Robin", "s", "playback.grant")


@pytest.mark.parametrize(
    ("codec", "header"),
    [("pcm_s16le", 44), ("pcm_u8", 16_044), ("pcm_mulaw", 16_044), ("pcm_s24le", None), ("mp3", None), (None, None)],
)  # fmt: skip
def test_what_is_no_sample_is_the_header(codec: str | None, header: int | None):
    """More sound than there are bytes is no constant bit rate."""
    figures = {"size": 44 + 32_000, "duration": 1.0, "sample_rate": 8000, "channels": 2}
    assert header_bytes(codec=codec, **figures) == header
    assert header_bytes(codec=codec, **(figures | {"channels": None})) is None


def test_an_end_that_fits_no_request_says_nothing():
    """More than was granted was never sent."""
    (part,) = listenings([(1, grant(0, 1)), (2, sent(2))])
    assert (part.sent, part.all_sent) == ((), False)
