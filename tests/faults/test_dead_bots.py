"""A link in a mail is fetched by machines before a person sees it: none of them hears it or uses it up."""

import re
import urllib.parse
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.server import vault_process
from tests.support.audio_listener import open_link
from tests.support.counts import count
from tests.support.raw_client import Answer, Client, ask
from tests.support.telephone_audio import wav

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

#: What fetches links in chats and mails, and browsers that fetch what nobody has clicked on yet.
_BOTS: list[dict[str, str]] = [
    {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SafeLinks/1.0", "Accept": "*/*"},
    {"User-Agent": "WhatsApp/2.23.20.0", "Accept-Language": "en"},
    {"User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    {"User-Agent": "TelegramBot (like TwitterBot)", "Range": "bytes=0-65535"},
    {"User-Agent": "SkypeUriPreview Preview/0.5", "Accept": "image/*, */*"},
    {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0)"},
    {"User-Agent": "Mozilla/5.0 Chrome/140.0", "Purpose": "prefetch"},
    {"User-Agent": "Mozilla/5.0 Chrome/140.0", "Sec-Purpose": "prefetch", "Sec-Fetch-Site": "cross-site"},
    {
        "User-Agent": "Mozilla/5.0 Chrome/140.0",
        "Sec-Purpose": "prefetch;prerender",
        "Sec-Fetch-Mode": "navigate",
    },
    {"User-Agent": "Mozilla/5.0 Firefox/140.0", "X-Moz": "prefetch"},
    {},
]


def test_bots_use_no_link_up(folder: Path) -> None:
    """By HEAD and by GET of a link of one session and of what its page names; then a person opens it and hears."""
    times = count("fetches of a link by bots, of each method", small=100, full=1000)
    body = wav(844, 1)
    with vault_process(folder) as (_, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        url = _link(client, recording_id)
        seen = {method: Counter(_fetched(client, method, url, times)) for method in ("HEAD", "GET")}
        assert seen == {"HEAD": Counter({200: times}), "GET": Counter({200: times})}
        # 303 is the choice of a language, which leads back to the page.
        assert _crawled(client, url) == {200, 303, 405}
        assert _kinds(client, recording_id) == ["recording.available", "link.created"]
        opened = open_link(client.base, url)
        assert opened.status == 303
        cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}
        assert ask(client.base, "GET", f"{opened.headers['location']}/audio", headers=cookie).body == body
        told = _kinds(client, recording_id)
        assert (told.count("playback.open"), told.count("playback.denied")) == (1, 0)


def test_a_bot_that_looks_at_a_media_link_leaves_it_whole(folder: Path) -> None:
    """A media link is played by its GET; HEAD, with which a machine looks first, opens nothing."""
    times = count("looks at a media link by bots", small=100, full=1000)
    body = wav(844, 1)
    with vault_process(folder) as (_, client):
        recording_id = client.put("call-1", body, len(body)).json["id"]
        client.wait_for(recording_id)
        url = _link(client, recording_id, kind="media")
        assert Counter(_fetched(client, "HEAD", url, times)) == Counter({200: times})
        assert _kinds(client, recording_id) == ["recording.available", "link.created"]
        assert ask(client.base, "GET", urllib.parse.urlsplit(url).path).body == body
        assert _kinds(client, recording_id).count("playback.open") == 1


def _link(client: Client, recording_id: str, **wanted: object) -> str:
    said = {"listener": "Kim", **(wanted or {"sessions": 1})}
    made = client.rest("POST", f"{client.home}/recordings/{recording_id}/links", said)
    assert made.status == 201, made.body
    return made.json["url"]


def _fetched(client: Client, method: str, url: str, times: int) -> list[int]:
    """Fetch a link as one bot after the other, and return the statuses."""
    path, statuses = urllib.parse.urlsplit(url).path, []
    for number in range(times):
        answer = ask(client.base, method, path, headers=_BOTS[number % len(_BOTS)])
        assert "set-cookie" not in answer.headers
        # A HEAD names the audio and sends none of it.
        assert answer.body == b"" or "audio" not in answer.headers.get("content-type", "")
        statuses.append(answer.status)
    return statuses


def _crawled(client: Client, url: str) -> set[int]:
    """Fetch everything that a link's page names, as every bot, without pressing its button."""
    path = urllib.parse.urlsplit(url).path
    page: Answer = ask(client.base, "GET", path, headers=_BOTS[0])
    named = set(re.findall(r'(?:href|src|action)="([^"]+)"', page.body.decode()))
    assert f"{path}/open" in named
    return {
        ask(client.base, method, urllib.parse.urljoin(path, where), headers=bot).status
        for bot in _BOTS
        for where in named
        for method in ("GET", "HEAD")
    }


def _kinds(client: Client, recording_id: str) -> list[str]:
    said = client.rest("GET", f"{client.home}/access-events?limit=1000&recording={recording_id}").json
    return [event["type"] for event in said["items"]]
