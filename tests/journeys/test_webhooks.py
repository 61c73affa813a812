"""What the platform's events become: one row each, whatever order and however often they come."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers.media import answer, raw
from tests.servers.media_thread import MediaThread
from tests.support.tenant import Tenant, moment, tone

AUDIO = tone(1.0)


def test_events_out_of_order_and_repeated_make_one_call(tenant: Tenant, media: MediaThread):
    """The end before the start, each of them twice: the facts are joined, and the second is a duplicate."""
    now = datetime.now(UTC)
    started, ended = moment(now - timedelta(seconds=9)), moment(now)
    said = {"call_ref": "c", "from_": "+14155550101", "to": "+14155550102", "direction": "outbound"}
    answers = [
        tenant.hook("call.ended", delivery="e", **said, ended_at=ended),
        tenant.hook("call.started", delivery="s", **said, started_at=started, agent="Robin"),
        tenant.hook("call.ended", delivery="e", **said, ended_at=ended),
        tenant.hook("call.started", delivery="s", **said, started_at=started, agent="Robin"),
    ]
    assert [one.json()["status"] for one in answers] == ["noted", "noted", "duplicate", "duplicate"]
    assert [one.status_code for one in answers] == [200] * 4
    url = media.serve(f"/{tenant.name}/a.wav", AUDIO)
    recording = tenant.hook("recording.completed", call_ref="c", recording_ref="r", recording_url=url).json()[
        "recording"
    ]
    call = tenant.wait(recording)["call"]
    assert (call["started_at"], call["ended_at"], call["agent"]) == (started, ended, "Robin")
    assert (call["from"], call["to"], call["direction"]) == ("+14155550101", "+14155550102", "outbound")


def test_a_repeated_announcement_is_one_row(tenant: Tenant, media: MediaThread):
    """The same recording three times is accepted once, fetched once and listed once."""
    path = f"/{tenant.name}/once.wav"
    url = media.serve(path, AUDIO)
    answers = [tenant.announce(url).json() for _ in range(3)]
    assert [one["status"] for one in answers] == ["accepted", "duplicate", "duplicate"]
    assert len({one["recording"] for one in answers}) == 1
    tenant.wait(answers[0]["recording"])
    assert tenant.announce(url).json()["status"] == "duplicate"
    assert len(tenant.http.get(tenant.url("/recordings")).json()["items"]) == 1
    assert media.asked_for(path) == 1


def test_what_is_announced_while_off_stays_refused(tenant: Tenant, media: MediaThread):
    """A refused webhook is a 2xx, its media is never asked for, and switching on does not bring it back."""
    path = f"/{tenant.name}/off.wav"
    url = media.serve(path, AUDIO)
    assert tenant.switch(enabled=False) == tenant.switch(enabled=False)
    refused = tenant.announce(url)
    assert (refused.status_code, refused.json()["status"]) == (200, "refused")
    assert tenant.switch(enabled=True)["enabled"] is True
    again = tenant.announce(url)
    assert (again.status_code, again.json()) == (200, refused.json())
    other = tenant.announce(url, ref="rec-2", call="call-2", started_at=moment(datetime.now(UTC)),
                            ended_at=moment(datetime.now(UTC) + timedelta(seconds=1)))  # fmt: skip
    tenant.wait(other.json()["recording"])
    found = tenant.get(refused.json()["recording"])
    assert (found["state"], found["reasons"][0]["code"]) == ("refused", "switch_off")
    assert media.asked_for(path) == 1


def test_a_call_that_was_in_an_off_moment_is_refused_with_the_moment(tenant: Tenant, media: MediaThread):
    """Off and on again during the call: what is announced afterwards is refused, and the reason says when."""
    off = tenant.switch(enabled=False)
    tenant.switch(enabled=True)
    now = datetime.now(UTC)
    url = media.serve(f"/{tenant.name}/over.wav", AUDIO)
    recording = tenant.announce(
        url, started_at=moment(now - timedelta(minutes=1)), ended_at=moment(now)
    ).json()["recording"]
    found = tenant.wait(recording, "refused")
    assert found["reasons"][0]["code"] == "switched_off_during_call"
    assert off["changed_at"] in found["reasons"][0]["text"]
    history = tenant.http.get(tenant.url("/recording-switch/history")).json()["items"]
    assert [(one["enabled"], one["epoch"]) for one in history[-2:]] == [
        (False, off["epoch"]),
        (True, off["epoch"]),
    ]


def test_switching_off_refuses_what_is_on_its_way(tenant: Tenant, media: MediaThread):
    """A transfer that hangs while the switch goes off is refused for good, off and on again or not."""
    url = media.on(
        f"/{tenant.name}/slow.wav", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nRIFF", hang=True)
    )
    recording = tenant.announce(url).json()["recording"]
    tenant.wait(recording, "transferring")
    tenant.switch(enabled=False)
    found = tenant.get(recording)
    assert (found["state"], found["reasons"][0]["code"]) == ("refused", "switched_off_since_receipt")
    tenant.switch(enabled=True)
    assert tenant.get(recording)["state"] == "refused"


def test_call_start_is_answered_with_the_switch(tenant: Tenant):
    """The platform asks whether to record, and hears yes, then no with the reason."""
    said = {
        "direction": "inbound",
        "from": "+14155550101",
        "to": "+14155550102",
        "started_at": moment(datetime.now(UTC)),
    }
    yes = tenant.http.put(tenant.url("/calls/c-1"), json=said).json()
    assert (yes["decision"]["record"], yes["decision"]["reasons"][0]["code"]) == (True, "switch_on")
    tenant.switch(enabled=False)
    no = tenant.http.put(tenant.url("/calls/c-1"), json=said).json()
    assert (no["decision"]["record"], no["decision"]["reasons"][0]["code"]) == (False, "switch_off")
    assert no["decision"]["epoch"] == yes["decision"]["epoch"] + 1


@pytest.mark.parametrize(
    ("name", "body"),
    [("empty", b""), ("text", b"this is no audio at all"), ("head", AUDIO[:40]), ("zeros", bytes(4096))],
)
def test_what_is_no_audio_fails_with_a_reason(tenant: Tenant, media: MediaThread, name: str, body: bytes):
    """Hostile bytes are failed with a reason, and the server goes on."""
    recording = tenant.announce(media.serve(f"/{tenant.name}/{name}", body)).json()["recording"]
    found = tenant.wait(recording, "failed")
    assert [reason["code"] for reason in found["reasons"]] == ["undecodable"]
    assert tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).status_code == 404
    assert tenant.types(recording) == ["recording.failed"]


def test_a_truncated_recording_is_kept_as_damaged(tenant: Tenant, media: MediaThread):
    """A header that promises more than there is: kept, playable, and marked."""
    recording = tenant.announce(media.serve(f"/{tenant.name}/cut.wav", AUDIO[: len(AUDIO) // 2])).json()[
        "recording"
    ]
    assert tenant.wait(recording)["flags"]["damaged"] is True


def test_media_that_is_gone_waits_and_comes_when_it_is_back(tenant: Tenant, media: MediaThread):
    """A 404 of the media host is tried again, and the second answer counts."""
    path = f"/{tenant.name}/back.wav"
    url = media.on(path, answer(b"gone", status=404))
    recording = tenant.announce(url).json()["recording"]
    assert tenant.wait(recording, "retry_wait")["reasons"][0]["code"] == "fetch_failed"
    media.serve(path, AUDIO)
    assert tenant.wait(recording)["reasons"] == []
    assert media.asked_for(path) >= 2


def test_late_events_make_a_recording_findable(tenant: Tenant, media: MediaThread):
    """A number that is told after the recording came in finds it, by webhook and by call."""
    recording = tenant.hook(
        "recording.completed", call_ref="late", recording_ref="r",
        recording_url=media.serve(f"/{tenant.name}/late.wav", AUDIO),
    ).json()["recording"]  # fmt: skip
    tenant.wait(recording)

    def found(**wanted: str) -> list[str]:
        return [
            one["id"] for one in tenant.http.get(tenant.url("/recordings"), params=wanted).json()["items"]
        ]

    assert found(number="+14155550188") == []
    assert tenant.hook("call.started", call_ref="late", from_="+1 (415) 555-0188").json()["status"] == "noted"
    assert found(number="+14155550188") == [recording]
    said = {"direction": "inbound", "from": "+14155550188", "to": "+14155550199", "agent": "Sam",
            "started_at": moment(datetime.now(UTC))}  # fmt: skip
    assert tenant.http.put(tenant.url("/calls/late"), json=said).status_code == 200
    assert found(number="+14155550199") == found(agent="sam") == [recording]


def test_lists_are_filtered_and_paged(tenant: Tenant):
    """Every filter narrows the list, and pages join to the whole without a gap or a double."""
    ids, stamps = [], []
    for number in range(5):
        answer = tenant.put(tone(0.1, hertz=200 + number), call=f"call-{number % 2}", ref=f"rec-{number}")
        ids.append(answer.json()["id"])
        stamps.append(answer.json()["received_at"])
        time.sleep(0.002)
    for recording in ids:
        tenant.wait(recording)

    def page(**wanted: object) -> dict:
        answer = tenant.http.get(tenant.url("/recordings"), params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()

    newest_first = ids[::-1]
    assert [one["id"] for one in page()["items"]] == newest_first
    assert [one["id"] for one in page(call="call-1")["items"]] == [ids[3], ids[1]]
    assert [one["id"] for one in page(state="available")["items"]] == newest_first
    assert page(state="failed")["items"] == []
    assert [one["id"] for one in page(**{"from": stamps[3]})["items"]] == [ids[4], ids[3]]
    assert set(ids[:3]) >= {one["id"] for one in page(to=stamps[3])["items"]} >= set(ids[:2])
    joined, cursor = [], None
    while True:
        found = page(limit=2, **({"cursor": cursor} if cursor else {}))
        joined += [one["id"] for one in found["items"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert joined == newest_first
