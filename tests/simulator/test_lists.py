"""The providers' lists of recordings: page by page, whole, and only what the question covers."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.simulator.scene import AUDIO, BASE, NOW, a_call, asked
from tests.simulator.scene import simulated as made
from tests.simulator.test_credentials import rest_headers
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED

LISTING = [name for name, kind in SIMULATED.items() if kind.lists]


def first_page(provider: SimulatedProvider, since: str) -> str:
    """Return the question for everything since a moment, two on a page."""
    known = provider.credentials
    day, recordings = (
        quote(since.replace("T", " ")),
        f"Recordings.json?PageSize=2&DateCreated%3E={since[:10]}",
    )
    pages = {
        "aircall": f"/v1/calls?order=asc&per_page=2&from={int(NOW.timestamp()) - 86_400}",
        "twilio": f"/2010-04-01/Accounts/{known.get('account_sid')}/{recordings}",
        "telnyx": f"/v2/recordings?page[size]=2&filter[created_at][gte]={quote(since)}Z",
        "plivo": f"/v1/Account/{known.get('auth_id')}/Recording/?limit=2&add_time__gte={day}",
        "signalwire": f"/api/laml/2010-04-01/Accounts/{known.get('project_id')}/{recordings}",
    }
    return pages[provider.name]


def walk(provider: SimulatedProvider, path: str) -> list[list[str]]:
    """Return the recordings' names, by page, going on as each provider's pages say."""
    pages: list[list[str]] = []
    following: str | None = path
    while following is not None:
        reply = provider.answer(asked(BASE + following, rest_headers(provider)))
        assert reply.status == 200
        said = json.loads(reply.body)
        if provider.name == "aircall":
            pages.append([str(call["id"]) for call in said["calls"]])
            link = said["meta"]["next_page_link"]
            following = link and link.removeprefix(BASE)
        elif provider.name == "telnyx":
            pages.append([one["id"] for one in said["data"]])
            more = said["meta"]["page_number"] < said["meta"]["total_pages"]
            following = f"{path}&page[number]={said['meta']['page_number'] + 1}" if more else None
        elif provider.name == "plivo":
            pages.append([one["recording_id"] for one in said["objects"]])
            following = said["meta"]["next"]
        else:
            pages.append([one["sid"] for one in said["recordings"]])
            following = said["next_page_uri"]
    return pages


@pytest.mark.parametrize("name", LISTING)
def test_a_list_is_walked_page_by_page(name: str) -> None:
    """Five recordings are three pages, each of them once, and none of before."""
    provider = made(name)
    copies = [provider.keep(a_call(provider, ago=timedelta(hours=hour)), AUDIO) for hour in range(5)]
    provider.keep(a_call(provider, ago=timedelta(days=3)), AUDIO)
    since = (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    pages = walk(provider, first_page(provider, since))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(ref for page in pages for ref in page) == sorted(copy.ref for copy in copies)


@pytest.mark.parametrize("name", LISTING)
def test_a_list_of_nothing_is_one_empty_page(name: str) -> None:
    """There is an answer, and it is a list."""
    provider = made(name)
    assert walk(provider, first_page(provider, "2026-11-23T12:00:00")) == [[]]


@pytest.mark.parametrize("name", [name for name in LISTING if name != "aircall"])
def test_a_deleted_recording_is_not_listed(name: str) -> None:
    """What was deleted is not offered again; Aircall lists calls, which stay."""
    provider = made(name)
    provider.keep(a_call(provider), AUDIO).deleted = True
    assert walk(provider, first_page(provider, "2026-11-23T12:00:00")) == [[]]


def test_a_listed_call_of_aircall_has_no_url_once_its_recording_was_deleted() -> None:
    """The call is told of, and no media with it."""
    provider = made("aircall")
    copy = provider.keep(a_call(provider), AUDIO)
    copy.deleted = True
    reply = provider.answer(asked(f"{BASE}/v1/calls/{copy.ref}", rest_headers(provider)))
    assert json.loads(reply.body)["call"]["recording"] is None
