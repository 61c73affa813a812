"""The providers' lists of recordings: page by page, whole, and only what the question covers.

Recordings that the REST interface begins, where a document cannot.
"""

import json
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest

from tests.simulator.scene import AUDIO, BASE, HOOK, NOW, a_call, asked, basic
from tests.simulator.scene import simulated as made
from tests.simulator.test_credentials import rest_headers
from vault.simulator.exchange import VaultRequest
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED, STEERED
from vault.simulator.twilio_api_provider import TwilioApiProvider

LISTING = [name for name, kind in SIMULATED.items() if kind.lists]
FORM = {"RecordingChannels": "dual", "RecordingStatusCallback": HOOK}


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


def asked_to_begin(
    provider: TwilioApiProvider, call_ref: str, form: dict[str, str], *, password: str | None = None
) -> VaultRequest:
    """Return the request that records a call."""
    path = f"{provider.prefix}/Accounts/{provider.account}/Calls/{call_ref}/Recordings.json"
    headers = basic(provider.account, password or provider.password)
    return VaultRequest(method="POST", path=path, headers=headers, body=urlencode(form).encode())


@pytest.fixture(params=["twilio", "signalwire"])
def provider(request: pytest.FixtureRequest) -> TwilioApiProvider:
    """A provider of the dialect."""
    made = STEERED[request.param](BASE)
    assert isinstance(made, TwilioApiProvider)
    return made


def test_a_call_that_goes_on_is_recorded(provider: TwilioApiProvider) -> None:
    """The callback of the form is where the recording is told of."""
    call = a_call(provider)
    provider.begins(call)
    assert provider.begun(call) is None
    assert provider.answer(asked_to_begin(provider, call.ref, FORM)).status == 201
    assert provider.begun(call) == HOOK


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (FORM | {"RecordingChannels": "mono"}, 400),
        ({"RecordingChannels": "dual"}, 400),
        ({}, 400),
    ],
)
def test_what_would_lose_a_party_or_tell_nobody_is_refused(
    provider: TwilioApiProvider, form: dict[str, str], status: int
) -> None:
    """Nothing is recorded then."""
    call = a_call(provider)
    provider.begins(call)
    assert provider.answer(asked_to_begin(provider, call.ref, form)).status == status
    assert provider.begun(call) is None


def test_another_call_and_another_password_record_nothing(provider: TwilioApiProvider) -> None:
    """404 and 401."""
    call, other = a_call(provider), a_call(provider)
    provider.begins(call)
    assert provider.answer(asked_to_begin(provider, other.ref, FORM)).status == 404
    assert provider.answer(asked_to_begin(provider, call.ref, FORM, password="wrong")).status == 401
    assert (provider.begun(call), provider.begun(other)) == (None, None)
