"""How Plivo's media is fetched, found, listed and deleted, and where the account's token goes."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.telephony.malformed import malformed
from tests.telephony.plivo.recorded import (
    ACCESS,
    ACCOUNT,
    ANNOUNCED,
    CALL,
    CREDENTIALS,
    ELSEWHERE,
    PROVIDER,
    RECORDING,
    TOKEN,
    rest,
)
from tests.telephony.replies import reply
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.calls.provider_api import Access, Listed, ListedPage, RestReply, RestRequest
from vault.errors import FetchFailed, Invalid

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()}
SINCE = datetime(2026, 1, 30, 11, 30, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))


def asked(request: RestRequest | None) -> tuple[str, str]:
    """Return method and URL of a request that carries the account's name and token."""
    assert request is not None
    assert request.headers == BASIC
    assert request.body == b""
    return request.method, request.url


@pytest.mark.parametrize(
    ("url", "access", "goes"),
    [
        ("https://media.plivo.com/a.wav", ACCESS, True),
        ("https://api.plivo.com/a.wav", ACCESS, True),
        ("https://s3.amazonaws.com/recordings_2013/a.mp3", ACCESS, False),
        ("http://media.plivo.com/a.wav", ACCESS, False),
        ("https://plivo.com.evil.example/a", ACCESS, False),
        ("https://evilplivo.com/a", ACCESS, False),
        ("https://evil.example/?media.plivo.com", ACCESS, False),
        ("https://media.plivo.com@evil.example/a", ACCESS, False),
        ("http://127.0.0.1:9999/a.wav", ACCESS, False),
        ("http://127.0.0.1:9999/a.wav", ELSEWHERE, True),
        ("http://media.plivo.com/a.wav", ELSEWHERE, False),
    ],
)
def test_the_token_goes_to_plivo_alone(url: str, access: Access, goes: bool) -> None:
    """The parsed host decides, and never in the clear unless the api_base is so itself."""
    request = PROVIDER.media_request(replace(ANNOUNCED, url=url), access)
    assert (request.url, request.headers) == (url, BASIC if goes else {})
    hosts = ("*.plivo.com", "s3.amazonaws.com", "*.s3.amazonaws.com")
    assert request.hosts == hosts + (() if access is ACCESS else ("127.0.0.1",))


def test_old_media_is_fetched_by_https() -> None:
    """Old accounts are told of their recordings with http."""
    request = PROVIDER.media_request(replace(ANNOUNCED, url="http://s3.amazonaws.com/r/a.mp3"), ACCESS)
    assert (request.url, request.headers) == ("https://s3.amazonaws.com/r/a.mp3", {})


def test_media_without_a_url_is_not_fetched() -> None:
    """It must be asked for first."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.media_request(replace(ANNOUNCED, url=None), ACCESS)
    assert error.value.final


def test_a_recording_is_found_by_its_id() -> None:
    """The interface names the URL as it is now."""
    request = PROVIDER.find_request(ANNOUNCED, ACCESS)
    assert asked(request) == ("GET", f"https://api.plivo.com/v1/Account/{ACCOUNT}/Recording/{RECORDING}/")
    assert request is not None
    assert request.hosts == ("api.plivo.com",)
    found = PROVIDER.found(ANNOUNCED, reply({"recording_url": "https://media.plivo.com/new.wav"}))
    assert found == replace(ANNOUNCED, url="https://media.plivo.com/new.wav")
    assert PROVIDER.find_request(replace(ANNOUNCED, source_ref=None), ACCESS) is None


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        (reply(b"", 404), False),
        (reply(b"", 410), True),
        (reply(b"", 401), False),
        (reply(b"", 500), False),
        (reply(b"<html>"), False),
        (reply({}), False),
        (reply({"recording_url": ""}), False),
        (reply({"recording_url": "nonsense"}), False),
        (reply({"recording_url": 7}), False),
    ],
)
def test_what_is_not_found_says_whether_to_ask_again(answer: RestReply, final: bool) -> None:
    """Only the provider's word that it is gone is final."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(ANNOUNCED, answer)
    assert error.value.final == final


def test_a_deletion_names_the_recording_and_nothing_else() -> None:
    """What could lead elsewhere in a path is escaped."""
    request = PROVIDER.delete_request(RECORDING, ELSEWHERE)
    base = f"http://127.0.0.1:9999/plivo/v1/Account/{ACCOUNT}/Recording"
    assert asked(request) == ("DELETE", f"{base}/{RECORDING}/")
    assert request is not None
    assert request.hosts == ("127.0.0.1",)
    assert asked(PROVIDER.delete_request("../a?b", ELSEWHERE)) == ("DELETE", f"{base}/..%2Fa%3Fb/")
    assert (PROVIDER.deletes_by_default, PROVIDER.delete_again_after) == (True, None)


def test_a_list_is_asked_for_page_by_page() -> None:
    """Since is in UTC, and the cursor is where the next page begins."""
    base = f"https://api.plivo.com/v1/Account/{ACCOUNT}/Recording/?add_time__gte=2026-01-30+09%3A30%3A00&limit=20"
    assert asked(PROVIDER.list_request(SINCE, None, ACCESS)) == ("GET", f"{base}&offset=0")
    assert asked(PROVIDER.list_request(SINCE, "20", ACCESS)) == ("GET", f"{base}&offset=20")


def test_a_list_is_understood() -> None:
    """A recording of no call is a call of its own, and was added when it ended."""
    other = "22222222-2222-3333-4444-555555555555"
    assert PROVIDER.listed(reply(rest("rest_recordings"))) == ListedPage(
        items=[
            Listed(
                announcement=ANNOUNCED,
                facts=CallFacts(
                    call_ref=CALL,
                    caller="+12025550100",
                    callee="+442079460000",
                    started_at=datetime(2026, 1, 31, 9, 28, 0, 500_000, tzinfo=UTC),
                    ended_at=datetime(2026, 1, 31, 9, 29, 1, 734_000, tzinfo=UTC),
                ),
            ),
            Listed(
                announcement=Announcement(
                    recording_ref=other, url="https://media.plivo.com/2.mp3", source_ref=other
                ),
                facts=CallFacts(
                    call_ref=other, ended_at=datetime(2026, 1, 31, 9, 29, 5, 250_000, tzinfo=UTC)
                ),
            ),
        ],
        cursor="20",
    )


def test_the_last_page_has_no_cursor() -> None:
    """Plivo says null there."""
    for meta in ({"next": None}, {}, None):
        assert PROVIDER.listed(reply({"meta": meta, "objects": []})) == ListedPage(items=[])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        [],
        {},
        {"objects": {}},
        {"objects": [], "meta": {"next": ""}},
        {"objects": [], "meta": {"next": "/?offset=0"}},
        {"objects": [], "meta": {"next": "/?offset=-20"}},
        {"objects": [], "meta": {"next": 7}},
        {"objects": [], "meta": {"next": "//["}},
    ],
    ids=str,
)
def test_an_answer_that_is_no_list_is_asked_for_again(body: object) -> None:
    """Half a list would hide what was missed."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.listed(reply(body))
    assert not error.value.final


def test_a_malformed_list_is_read_or_asked_for_again() -> None:
    """Each part is left out and replaced by what it is not; an odd recording does not hide the others."""
    full, failed = 0, 0
    for page in malformed(rest("rest_recordings")):
        try:
            listed = PROVIDER.listed(reply(page))
        except FetchFailed:
            failed += 1
        else:
            full += len(listed.items) == 2
    assert full
    assert failed


def test_the_setup_is_for_people() -> None:
    """The URL asks for repetitions, which Plivo does not make by itself."""
    setup = json.loads(json.dumps(PROVIDER.setup("https://vault.example/webhooks/plivo/c")))
    assert setup["url"] == "https://vault.example/webhooks/plivo/c#rc=5&rp=all"
    assert "until they are deleted" in setup["delete_at_source"]


@pytest.mark.parametrize("name", ["auth_id", "auth_token"])
def test_credentials_are_two(name: str) -> None:
    """A missing, a blank and a malformed one are named, and not repeated."""
    PROVIDER.check_credentials(CREDENTIALS)
    for wrong in ({}, {name: ""}, {name: "hun ter2"}, {name: "hunter2\n"}, {name: "\ud800"}):
        others = {key: value for key, value in CREDENTIALS.items() if key != name}
        with pytest.raises(Invalid) as error:
            PROVIDER.check_credentials(others | wrong)
        assert error.value.field == name
        assert "hun" not in str(error.value)
    with pytest.raises(Invalid) as error:
        PROVIDER.check_credentials(CREDENTIALS | {"api_key": "a"})
    assert error.value.field == "credentials"
