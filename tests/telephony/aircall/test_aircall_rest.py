"""What is asked of Aircall: media, fresh URLs, deletions and lists."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.telephony.aircall.recorded import (
    ACCESS,
    BASIC,
    ELSEWHERE,
    NOW,
    PROVIDER,
    RECORDED,
    at,
    load,
)
from tests.telephony.malformed import malformed
from tests.telephony.replies import reply
from vault.domain.calls.provider_api import Access
from vault.errors import FetchFailed
from vault.telephony.http.url import host_matches, parse_media_url

VOICEMAIL = replace(
    RECORDED, recording_ref="812345678/voicemail", source_ref="812345678/voicemail", kind="voicemail"
)


@pytest.mark.parametrize(
    ("url", "access", "admitted"),
    [
        ("https://production-use1-web.s3.us-west-2.amazonaws.com/a.mp3?X-Amz-Signature=a", ACCESS, True),
        ("https://production-fra-web.s3.eu-central-1.amazonaws.com/a.mp3", ACCESS, True),
        ("https://api.aircall.io/a.mp3", ACCESS, True),
        ("https://assets.aircall.io/calls/1/recording", ACCESS, True),
        ("http://127.0.0.1:9999/a.mp3", ELSEWHERE, True),
        ("https://production-use1-web.s3.us-west-2.amazonaws.com/a.mp3", ELSEWHERE, True),
        ("http://127.0.0.1:9999/a.mp3", ACCESS, False),
        ("https://attacker.s3.us-west-2.amazonaws.com/a.mp3", ACCESS, False),
        ("https://production-a.s3.us-west-2.amazonaws.com.example.com/a.mp3", ACCESS, False),
        ("https://production-a.attacker.s3.us-west-2.amazonaws.com/a.mp3", ACCESS, False),
        ("https://example.com/production-a.s3.us-west-2.amazonaws.com", ACCESS, False),
        ("https://s3.us-west-2.amazonaws.com/production-a/a.mp3", ACCESS, False),
        ("https://api.aircall.io.example.com/a.mp3", ACCESS, False),
        ("https://169.254.169.254/latest", ACCESS, False),
    ],
)
def test_only_aircalls_hosts_are_asked_and_none_gets_credentials(
    url: str, access: Access, *, admitted: bool
) -> None:
    """The bucket of any region is let through by its name; a pre-signed URL is its own permission."""
    request = PROVIDER.media_request(replace(RECORDED, url=url), access)
    assert (request.url, request.headers) == (url, {})
    assert host_matches(parse_media_url(url).host, request.hosts) is admitted
    assert not any("*" in host for host in request.hosts)


def test_media_without_a_url_or_with_an_odd_one_is_not_fetched() -> None:
    """The first can be asked for, the second never becomes one."""
    for url, final in ((None, False), ("https://u:p@api.aircall.io/", True)):
        with pytest.raises(FetchFailed) as error:
            PROVIDER.media_request(replace(RECORDED, url=url), ACCESS)
        assert error.value.final is final


@pytest.mark.parametrize(
    ("access", "base", "host"),
    [(ACCESS, "https://api.aircall.io", "api.aircall.io"), (ELSEWHERE, ELSEWHERE.api_base, "127.0.0.1")],
)
def test_rest_calls_carry_the_key_to_the_one_host(access: Access, base: str, host: str) -> None:
    """Finding, deleting and listing use Basic; api_base replaces the usual origin in each."""
    find = PROVIDER.find_request(RECORDED, access)
    delete = PROVIDER.delete_request("812345678/recording", access)
    delete_voicemail = PROVIDER.delete_request("812345678/voicemail", access)
    listing = PROVIDER.list_request(NOW, None, access)
    assert (find.method, find.url) == ("GET", f"{base}/v1/calls/812345678")
    assert (delete.method, delete.url) == ("DELETE", f"{base}/v1/calls/812345678/recording")
    assert delete_voicemail.url == f"{base}/v1/calls/812345678/voicemail"
    assert (listing.method, listing.url.partition("?")[0]) == ("GET", f"{base}/v1/calls")
    assert delete.headers["Content-Type"] == "application/json"
    for request in (find, delete, delete_voicemail, listing):
        assert (request.headers["Authorization"], request.hosts, request.body) == (BASIC, (host,), b"")


@pytest.mark.parametrize(
    "source_ref", ["", "812345678", "1/asset", "0/recording", "1/recording/", "../1/recording"]
)
def test_what_is_no_ref_is_neither_found_nor_deleted(source_ref: str) -> None:
    """Nothing but a call's two media has a path at Aircall."""
    assert PROVIDER.delete_request(source_ref, ACCESS) is None
    assert PROVIDER.find_request(replace(RECORDED, source_ref=source_ref), ACCESS) is None


def test_an_api_base_that_is_none_gets_no_credentials() -> None:
    """Nothing is asked of it."""
    access = Access(credentials=ACCESS.credentials, api_base="https://u:p@x", now=NOW)
    with pytest.raises(FetchFailed) as error:
        PROVIDER.list_request(NOW, None, access)
    assert error.value.final


def test_a_fresh_url_is_found() -> None:
    """All but the URL stays as it was announced."""
    call = load("rest_call")
    assert PROVIDER.found(RECORDED, reply(call)) == replace(RECORDED, url=call["call"]["recording"])
    call["call"]["voicemail"] = "https://api.aircall.io/v.mp3"
    assert PROVIDER.found(VOICEMAIL, reply(call)).url == "https://api.aircall.io/v.mp3"


@pytest.mark.parametrize(
    ("changes", "status", "final"),
    [
        ({}, 404, False),
        ({}, 410, True),
        ({}, 401, False),
        ({}, 403, False),
        ({}, 429, False),
        ({}, 500, False),
        ({}, 302, False),
        ({"id": 812345679}, 200, False),
        ({"recording": None}, 200, False),
        ({"recording": None, "answered_at": None}, 200, False),
        ({"recording": None, "voicemail": "https://api.aircall.io/v.mp3"}, 200, False),
        ({"recording": None, "answered_at": None, "voicemail": "https://api.aircall.io/v.mp3"}, 200, True),
        ({"recording": "ftp://x/"}, 200, False),
        ({"recording": 7}, 200, False),
    ],
)
def test_what_is_not_found_is_final_only_where_it_never_will_be(
    changes: dict[str, object], status: int, *, final: bool
) -> None:
    """A call that is gone, or one that turns out to have a voicemail alone."""
    call = load("rest_call")
    call["call"] |= changes
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(RECORDED, reply(call, status))
    assert error.value.final is final


def test_deletion_is_repeated_after_a_day() -> None:
    """Media may take 24 hours to arrive, and success is answered before it has."""
    assert PROVIDER.deletes_by_default
    assert PROVIDER.delete_again_after > timedelta(hours=24)


def test_a_list_asks_from_a_second_on_by_pages_of_fifty() -> None:
    """The cursor is a page; order and start stay the same for all of them."""
    for cursor, page in ((None, "1"), ("7", "7")):
        request = PROVIDER.list_request(datetime.fromisoformat("2022-03-03T10:30:00.9+01:00"), cursor, ACCESS)
        expected = {"from": ["1646299800"], "order": ["asc"], "per_page": ["50"], "page": [page]}
        assert parse_qs(urlsplit(request.url).query) == expected


def test_a_list_brings_every_media_of_every_call() -> None:
    """A call has none, one or two; facts are those of an event."""
    page = PROVIDER.listed(reply(load("rest_calls")))
    assert [item.announcement.recording_ref for item in page.items] == [
        "812345678/recording",
        "812345680/recording",
        "812345680/voicemail",
    ]
    assert [item.announcement.kind for item in page.items] == ["call", "call", "voicemail"]
    assert page.items[0].facts.caller == "+12025550100"
    assert page.items[0].facts.ended_at == at("10:29:15")
    assert page.cursor == "2"


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        (None, None),
        ("https://api.aircall.io/v1/calls?page=3&per_page=50", "3"),
        ("https://attacker.example/v1/calls?page=4", "4"),
    ],
)
def test_the_next_page_is_a_number_and_never_a_host(link: str | None, cursor: str | None) -> None:
    """A link elsewhere does not take the credentials with it."""
    answer = load("rest_calls")
    answer["meta"]["next_page_link"] = link
    assert PROVIDER.listed(reply(answer)).cursor == cursor
    assert PROVIDER.list_request(NOW, cursor, ACCESS).hosts == ("api.aircall.io",)


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", {"calls": {}}, {"calls": [], "meta": {"next_page_link": "https://x/?page=-1"}}],
)
def test_an_answer_that_is_no_list_is_a_failure(answer: object) -> None:
    """An end that nobody said is not taken for one."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.listed(reply(answer))
    assert not error.value.final


def test_a_call_that_cannot_be_read_does_not_hide_the_others() -> None:
    """It is passed over."""
    answer = load("rest_calls")
    answer["calls"][:1] = [7, None, {}, {"id": "x"}, {"id": 1, "recording": 7}]
    assert len(PROVIDER.listed(reply(answer)).items) == 2


def test_odd_answers_raise_nothing_but_fetch_failed() -> None:
    """Each part of both answers is left out or replaced by each thing that it is not."""
    count = 0
    for answer in malformed(load("rest_call")):
        count += 1
        try:
            assert PROVIDER.found(RECORDED, reply(answer)).url
        except FetchFailed as error:
            assert "http" not in str(error)
    for answer in malformed(load("rest_calls")):
        count += 1
        try:
            PROVIDER.listed(reply(answer))
        except FetchFailed as error:
            assert "http" not in str(error)
    assert count > 1000


def test_a_list_longer_than_a_webhook_may_be_is_read() -> None:
    """Fifty calls with their numbers are more than 64 KiB."""
    answer = load("rest_calls")
    answer["calls"] = [answer["calls"][0] | {"id": 1 + n} for n in range(50)]
    assert len(json.dumps(answer)) > 64 * 1024
    assert len(PROVIDER.listed(reply(answer)).items) == 50


def test_a_pause_asks_for_the_calls_recording() -> None:
    """Basic authentication, and the media type that Aircall wants of every POST, although there is no body."""
    request = PROVIDER.pause_request("812345678", ACCESS)
    assert request is not None
    assert (request.method, request.body) == ("POST", b"")
    assert request.url == "https://api.aircall.io/v1/calls/812345678/pause_recording"
    assert request.headers["Authorization"] == BASIC
    assert request.headers["Content-Type"] == "application/json"
    assert request.hosts == ("api.aircall.io",)
    elsewhere = PROVIDER.pause_request("812345678", ELSEWHERE)
    assert elsewhere is not None
    assert elsewhere.url == "http://127.0.0.1:9999/aircall/v1/calls/812345678/pause_recording"


@pytest.mark.parametrize("call_ref", ["", "0", "-1", "812345678/recording", "CA1", "1" * 21, "1\n", "\u0661"])
def test_what_is_no_call_of_aircalls_is_not_paused(call_ref: str) -> None:
    """The name becomes part of a path, so it must be a number."""
    assert PROVIDER.pause_request(call_ref, ACCESS) is None


def test_the_setup_is_plain_and_honest() -> None:
    """It names the URL, the events that announce, and what deletion takes with it."""
    setup = json.loads(json.dumps(PROVIDER.setup("https://vault.example/webhooks/aircall/c")))
    assert setup["url"] == "https://vault.example/webhooks/aircall/c"
    assert {"call.ended", "call.comm_assets_generated", "call.voicemail_left"} <= set(setup["events"])
    assert "transcriptions" in setup["delete_at_source"]
    assert "pause_refused" in setup["recording"]
    assert setup["retries"]
