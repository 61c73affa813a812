"""The history of a recording, from its arrival to its end, as an auditor reads it."""

import time
from typing import Any

import httpx
import pytest

from tests.servers.media_thread import MediaThread
from tests.support.tenant import Tenant, open_link, tone

#: Bytes before the samples, and of a second of them.
HEADER, SECOND = 44, 16_000
SECONDS = 12
Story = list[dict[str, Any]]


def story(tenant: Tenant, recording: str) -> Story:
    """Return the history."""
    answer = tenant.http.get(tenant.url(f"/recordings/{recording}/history"))
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["recording"], said["next_cursor"]) == (recording, None)
    return list(said["items"])


def heard(items: Story) -> list[tuple[str, int, int, str]]:
    """Return the parts that were played."""
    names = ("text", "first_second", "last_second", "listener")
    return [tuple(item[name] for name in names) for item in items if item["kind"] == "playback.grant"]


def hear(browser: httpx.Client, where: str, first: int, last: int) -> None:
    """Ask for whole seconds of the sound."""
    wanted = f"bytes={HEADER + first * SECOND}-{HEADER + last * SECOND - 1}"
    answer = browser.get(f"{where}/audio", headers={"Range": wanted})
    assert (answer.status_code, len(answer.content)) == (206, (last - first) * SECOND)


def wait_for_ends(tenant: Tenant, recording: str, count: int) -> None:
    """Wait until the log has heard what was sent."""
    deadline = time.monotonic() + 60
    while tenant.types(recording).count("playback.end") < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def recording(tenant: Tenant, media: MediaThread) -> str:
    """Twelve seconds that the platform announced."""
    url = media.serve(f"/{tenant.name}/story.wav", tone(SECONDS))
    found: str = tenant.announce(url).json()["recording"]
    tenant.wait(found)
    return found


def test_the_story_names_exactly_the_seconds_that_were_granted(
    tenant: Tenant, browser: httpx.Client, recording: str
):
    """A listener plays two parts; the story has these two, and each sentence its place in the log."""
    opened = open_link(browser, tenant.link(recording, listener="Robin")["url"])
    where = opened.headers["location"]
    hear(browser, where, 8, 11)
    hear(browser, where, 1, 3)
    hear(browser, where, 3, 5)
    wait_for_ends(tenant, recording, 3)
    items = story(tenant, recording)
    assert heard(items) == [
        ("Sent 00:08-00:11 to Robin", 8, 11, "Robin"),
        ("Sent 00:01-00:05 to Robin", 1, 5, "Robin"),
    ]
    assert [item["text"] for item in items[:5]] == [
        "Announced by connection main",
        "Sealed",
        "Available: the policy accepts missing evidence",
        "Link created for Robin",
        "Opened by Robin from 127.0.0.1",
    ]
    kinds = {event["index"]: event["type"] for event in tenant.events(recording)}
    assert all(kinds[item["index"]] == item["kind"] for item in items[2:])
    assert [item["index"] for item in items[:2]] == [None, None]


def test_the_story_goes_on_after_the_end(tenant: Tenant, browser: httpx.Client, recording: str):
    """Of an erased recording it still says who heard what of it, and who was meant."""
    opened = open_link(browser, tenant.link(recording, listener="Robin")["url"])
    hear(browser, opened.headers["location"], 2, 4)
    wait_for_ends(tenant, recording, 1)
    here = tenant.url(f"/recordings/{recording}")
    assert tenant.http.get(f"{here}/audio").status_code == 200
    assert tenant.http.put(f"{here}/restriction", json={}).status_code == 200
    before = heard(story(tenant, recording))
    assert tenant.http.delete(here).status_code in (200, 202)
    tenant.wait(recording, "erased")
    items = story(tenant, recording)
    assert heard(items) == before == [("Sent 00:02-00:04 to Robin", 2, 4, "Robin")]
    texts = [item["text"] for item in items]
    assert texts[:2] == ["Announced by connection main", "Available"]
    assert [text.partition(" to ")[0] for text in texts[-5:]] == [
        f"Sent 00:00-00:{SECONDS}",
        "Restricted: admin",
        "Link for Robin revoked",
        "Erasing",
        "Erased",
    ]


def test_an_upload_and_nobody(tenant: Tenant):
    """What was uploaded was announced by no connection; of nothing there is no story."""
    items = story(tenant, tenant.uploaded(tone(0.5)))
    assert [item["kind"] for item in items[:3]] == [
        "recording.received",
        "recording.sealed",
        "recording.available",
    ]
    assert (items[0]["text"], items[0]["actor"]) == ("Uploaded", None)
    assert tenant.http.get(tenant.url(f"/recordings/rec_{'0' * 32}/history")).status_code == 404
