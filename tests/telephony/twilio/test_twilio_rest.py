"""Twilio's media and REST interface: where credentials go, and what its answers mean."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.telephony.malformed import malformed
from tests.telephony.replies import reply  # fmt: skip
from tests.telephony.twilio.recorded import (
    ACCESS,
    ACCOUNT,
    API,
    BASIC,
    CALL,
    CREDENTIALS,
    ELSEWHERE,
    NOW,
    PATH,
    PROVIDER,
    READY,
    RECORDING,
    at,
)
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.calls.provider_api import Access, Listed, ListedPage
from vault.errors import FetchFailed

#: As the REST interface describes a recording.
DESCRIBED = {
    "account_sid": ACCOUNT,
    "api_version": "2010-04-01",
    "call_sid": CALL,
    "conference_sid": None,
    "date_created": "Tue, 24 Mar 2026 18:15:39 +0000",
    "start_time": "Tue, 24 Mar 2026 18:15:40 +0000",
    "duration": "13",
    "sid": RECORDING,
    "status": "completed",
    "channels": 2,
    "source": "DialVerb",
    "track": "both",
    "error_code": None,
    "uri": f"{PATH}.json",
    "encryption_details": None,
    "media_url": API,
}
NEXT = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings.json?PageSize=50&Page=1&PageToken=PA{RECORDING}"


@pytest.mark.parametrize(
    ("url", "access", "trusted"),
    [
        (API, ACCESS, True),
        (API.replace("api.twilio.com", "api.dublin.ie1.twilio.com"), ACCESS, True),
        (API.replace("https://api", "https://API"), ACCESS, True),
        (API.replace("https", "http"), ACCESS, False),
        (API.replace("api.twilio.com", "api.twilio.com:8443"), ACCESS, False),
        (API.replace("api.twilio.com", "media.twilio.com"), ACCESS, False),
        (API.replace("api.twilio.com", "xapi.twilio.com"), ACCESS, False),
        (API.replace("api.twilio.com", "api.twilio.com.evil.example"), ACCESS, False),
        (API.replace("api.twilio.com", "api.eviltwilio.com"), ACCESS, False),
        ("https://evil.example/api.twilio.com", ACCESS, False),
        (f"http://127.0.0.1:9999{PATH}", ACCESS, False),
        (f"http://127.0.0.1:9999{PATH}", ELSEWHERE, True),
        (f"https://127.0.0.1:9999{PATH}", ELSEWHERE, False),
        (f"http://127.0.0.1:9998{PATH}", ELSEWHERE, False),
        (API, ELSEWHERE, True),
    ],
)
def test_credentials_go_to_the_interface_alone(url: str, access: Access, *, trusted: bool) -> None:
    """The host that is parsed decides, with its scheme and port."""
    request = PROVIDER.media_request(replace(READY, url=url), access)
    assert request.headers == ({"authorization": BASIC} if trusted else {})
    assert request.url == f"{url}.wav?RequestedChannels=2"
    assert request.hosts[:2] == ("api.twilio.com", "*.twilio.com")
    assert request.hosts[2:] == (("127.0.0.1",) if access is ELSEWHERE else ())


@pytest.mark.parametrize(
    ("announcement", "url"),
    [
        (replace(READY, voices=("all",)), f"{API}.wav"),
        (replace(READY, voices=()), f"{API}.wav"),
        (replace(READY, url=f"{API}.mp3", voices=("all",)), f"{API}.mp3"),
        (replace(READY, url=f"{API}?a=b"), f"{API}.wav?a=b"),
        (replace(READY, url=None), f"{API}.wav?RequestedChannels=2"),
        (replace(READY, url=PATH, voices=()), f"{API}.wav"),
    ],
)
def test_media_is_asked_for_as_wav_and_with_all_channels(announcement: Announcement, url: str) -> None:
    """A path and a sid alone are media of the interface."""
    assert PROVIDER.media_request(announcement, ACCESS).url == url


@pytest.mark.parametrize(
    "url", ["//evil.example/x", "@evil.example/", "https://u@api.twilio.com/", "x" * 5000]
)
def test_a_url_that_is_none_is_final(url: str) -> None:
    """It is not fetched, and not repeated in the error."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.media_request(replace(READY, url=url), ACCESS)
    assert error.value.final
    assert url not in str(error.value)


def test_nothing_to_go_by_is_final() -> None:
    """Without URL and sid there is nothing to fetch and nothing to ask."""
    nothing = Announcement(recording_ref="r", url=None)
    assert PROVIDER.find_request(nothing, ACCESS) is None
    with pytest.raises(FetchFailed):
        PROVIDER.media_request(nothing, ACCESS)
    with pytest.raises(FetchFailed):
        PROVIDER.delete_request("../../Calls/CA1", ACCESS)


def test_requests_are_what_twilio_documents() -> None:
    """Find, delete and list, at the usual origin and at another."""
    headers = {"authorization": BASIC, "accept": "application/json"}
    day = at("23:30:00")
    listing = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings.json"
    for access, origin, host in (
        (ACCESS, "https://api.twilio.com", "api.twilio.com"),
        (ELSEWHERE, "http://127.0.0.1:9999/tw", "127.0.0.1"),
    ):
        for request, method, path in (
            (PROVIDER.find_request(READY, access), "GET", f"{PATH}.json"),
            (PROVIDER.delete_request(RECORDING, access), "DELETE", f"{PATH}.json"),
            (
                PROVIDER.list_request(day, None, access),
                "GET",
                f"{listing}?DateCreated%3E=2026-03-24&PageSize=50",
            ),
            (PROVIDER.list_request(day, NEXT, access), "GET", NEXT),
        ):
            assert request is not None
            assert (request.method, request.url, request.body) == (method, origin + path, b"")
            assert request.headers == headers
            assert request.hosts == (host,)


@pytest.mark.parametrize(
    "cursor", ["@evil.example/", "//evil.example/", "https://evil.example/", "", "/2010-04-01/Accounts/AC1/Recordings"]
)  # fmt: skip
def test_a_cursor_never_leaves_the_account(cursor: str) -> None:
    """What is appended to the origin is a path of this account's recordings."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.list_request(NOW, cursor, ACCESS)
    assert error.value.final


def test_a_found_recording_has_its_url_and_its_voices() -> None:
    """Without media_url it lies beside its description."""
    bare = replace(READY, url=None, voices=())
    assert PROVIDER.found(bare, reply(DESCRIBED)) == READY
    beside = PROVIDER.found(bare, reply(DESCRIBED | {"media_url": None}))
    assert beside == replace(READY, url=PATH)
    assert PROVIDER.media_request(beside, ELSEWHERE).url == (
        f"http://127.0.0.1:9999/tw{PATH}.wav?RequestedChannels=2"
    )
    assert PROVIDER.found(READY, reply({"sid": RECORDING, "status": "completed"})) == READY


@pytest.mark.parametrize(
    ("answer", "status", "final"),
    [
        (DESCRIBED | {"status": "deleted"}, 200, True),
        (DESCRIBED | {"status": "absent"}, 200, True),
        (DESCRIBED | {"status": "failed"}, 200, True),
        (DESCRIBED | {"status": "processing"}, 200, False),
        (DESCRIBED | {"status": None}, 200, False),
        (DESCRIBED | {"sid": "RE" + "0" * 32}, 200, False),
        (b"", 200, False),
        (b"[]", 200, False),
        ({"code": 20404}, 404, False),
        ({}, 410, True),
        ({}, 401, False),
        ({}, 302, False),
        ({}, 503, False),
    ],
)
def test_what_is_not_found_says_whether_to_ask_again(answer: object, status: int, *, final: bool) -> None:
    """Only what the provider calls gone is final."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(READY, reply(answer, status))
    assert error.value.final is final
    assert RECORDING not in str(error.value)


def test_a_page_lists_finished_recordings_with_the_span_they_cover() -> None:
    """What is unfinished, or names no call, is passed over; the next page has its cursor."""
    voicemail = {
        "sid": "RE" + "1" * 32,
        "source": "RecordVerb",
        "channels": 1,
        "media_url": None,
        "uri": None,
    }
    page = {
        "recordings": [
            DESCRIBED,
            DESCRIBED | voicemail | {"call_sid": None, "conference_sid": "CF1", "start_time": "?", "duration": "-1"},
            DESCRIBED | {"status": "processing"},
            DESCRIBED | {"call_sid": None},
            DESCRIBED | {"sid": "../x"},
            7,
        ],
        "next_page_uri": NEXT,
    }  # fmt: skip
    assert PROVIDER.listed(reply(page)) == ListedPage(
        items=[
            Listed(
                announcement=READY,
                facts=CallFacts(
                    call_ref=CALL,
                    started_at=at("18:15:40"),
                    ended_at=at("18:15:40") + timedelta(seconds=13),
                ),
            ),
            Listed(
                announcement=Announcement(
                    recording_ref="RE" + "1" * 32,
                    url=None,
                    source_ref="RE" + "1" * 32,
                    kind="voicemail",
                    voices=("caller",),
                ),
                facts=CallFacts(call_ref="CF1", started_at=at("18:15:39")),
            ),
        ],
        cursor=NEXT,
    )
    for last in (None, ""):
        assert PROVIDER.listed(reply({"recordings": [], "next_page_uri": last})) == ListedPage(items=[])


def test_a_page_may_be_longer_than_a_webhook() -> None:
    """A thousand described recordings are read."""
    entries = [DESCRIBED] * 1000
    assert len(PROVIDER.listed(reply({"recordings": entries})).items) == 1000


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"recordings": []}, 401),
        ({"recordings": []}, 500),
        ({}, 200),
        ({"recordings": {}}, 200),
        (b"<html>", 200),
        ({"recordings": [], "next_page_uri": 7}, 200),
        ({"recordings": [], "next_page_uri": "//evil.example/2010-04-01/Accounts/"}, 200),
        ({"recordings": [], "next_page_uri": "/2010-04-01/Other/"}, 200),
    ],
)
def test_an_answer_that_is_no_list_is_an_error(answer: object, status: int) -> None:
    """An error or nonsense must not look like an empty list."""
    with pytest.raises(FetchFailed):
        PROVIDER.listed(reply(answer, status))


def test_malformed_answers_are_errors_or_pass() -> None:
    """Each part of an answer replaced by each thing that it is not: FetchFailed or a value."""
    for answer in malformed(DESCRIBED):
        with suppress(FetchFailed):
            assert PROVIDER.found(READY, reply(answer)).recording_ref == RECORDING
        for entry in PROVIDER.listed(reply({"recordings": [answer]})).items:
            PROVIDER.media_request(entry.announcement, ACCESS)


def test_the_setup_asks_for_retries_and_speaks_of_deletion() -> None:
    """The URL carries the overrides that make Twilio repeat a failed delivery."""
    setup = PROVIDER.setup("https://vault.example/webhooks/twilio/c")
    assert setup["url"] == "https://vault.example/webhooks/twilio/c#rc=5&rp=all"
    assert {"events", "retries", "delete_at_source"} <= set(setup)
    assert PROVIDER.deletes_by_default
    assert PROVIDER.delete_again_after is None
    assert CREDENTIALS["auth_token"] not in str(setup)
