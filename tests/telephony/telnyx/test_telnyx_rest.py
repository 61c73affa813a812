"""What is asked of Telnyx: media, fresh URLs, deletions and lists."""

import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.telephony.malformed import malformed
from tests.telephony.replies import reply
from tests.telephony.telnyx.recorded import (
    ACCESS,
    BEARER,
    CONFERENCE,
    ELSEWHERE,
    LEG,
    NAMED,
    NOW,
    PROVIDER,
    RECORDING,
    UNNAMED,
    at,
    load,
)
from vault.domain.calls.call import Announcement
from vault.domain.calls.provider_api import Access
from vault.errors import FetchFailed
from vault.telephony.http.url import host_matches, parse_media_url


@pytest.mark.parametrize(
    ("url", "access", "admitted"),
    [
        ("https://s3.amazonaws.com/telephony-recorder-prod/a.wav?X-Amz-Signature=a", ACCESS, True),
        ("https://telephony-recorder-prod.s3.amazonaws.com/a.wav", ACCESS, True),
        ("https://telephony-recorder-prod.s3.eu-central-1.amazonaws.com/a.wav", ACCESS, True),
        ("https://api.telnyx.com/v2/a.wav", ACCESS, True),
        ("http://127.0.0.1:9999/a.wav", ELSEWHERE, True),
        ("http://127.0.0.1:9999/a.wav", ACCESS, False),
        ("https://attacker.s3.amazonaws.com/telephony-recorder-prod/a.wav", ACCESS, False),
        ("https://telephony-recorder-prod.s3.amazonaws.com.example.com/a.wav", ACCESS, False),
        ("https://telephony-recorder-a.attacker.s3.amazonaws.com/a.wav", ACCESS, False),
        ("https://api.telnyx.com.example.com/a.wav", ACCESS, False),
        ("https://storage.googleapis.com/a.wav", ACCESS, False),
    ],
)
def test_only_telnyxs_hosts_are_asked_and_none_gets_credentials(
    url: str, access: Access, *, admitted: bool
) -> None:
    """A pre-signed URL is its own permission, wherever it lies."""
    request = PROVIDER.media_request(replace(NAMED, url=url), access)
    assert (request.url, request.headers) == (url, {})
    assert host_matches(parse_media_url(url).host, request.hosts) is admitted
    assert not any("*" in host for host in request.hosts)


@pytest.mark.parametrize(
    ("access", "base", "host"),
    [(ACCESS, "https://api.telnyx.com", "api.telnyx.com"), (ELSEWHERE, ELSEWHERE.api_base, "127.0.0.1")],
)
def test_rest_calls_carry_the_key_to_the_one_host(access: Access, base: str, host: str) -> None:
    """Finding, deleting and listing are Bearer; api_base replaces the usual origin in each."""
    find, delete = PROVIDER.find_request(NAMED, access), PROVIDER.delete_request(RECORDING, access)
    search, listing = PROVIDER.find_request(UNNAMED, access), PROVIDER.list_request(NOW, None, access)
    assert (find.method, find.url) == ("GET", f"{base}/v2/recordings/{RECORDING}")
    assert (delete.method, delete.url) == ("DELETE", f"{base}/v2/recordings/{RECORDING}")
    for request in (search, listing):
        assert (request.method, request.url.partition("?")[0]) == ("GET", f"{base}/v2/recordings")
    for request in (find, delete, search, listing):
        assert (request.headers["Authorization"], request.hosts, request.body) == (BEARER, (host,), b"")


def test_lists_are_filtered_and_paged() -> None:
    """By call where the id is unknown, by creation where everything is wanted."""
    query = parse_qs(urlsplit(PROVIDER.find_request(UNNAMED, ACCESS).url).query)
    assert query == {"filter[call_leg_id]": [LEG], "page[number]": ["1"], "page[size]": ["100"]}
    since = datetime.fromisoformat("2018-02-02T23:20:27.521992+01:00")
    query = parse_qs(urlsplit(PROVIDER.list_request(since, "3", ACCESS).url).query)
    assert query["filter[created_at][gte]"] == ["2018-02-02T22:20:27.521Z"]
    assert query["page[number]"] == ["3"]


@pytest.mark.parametrize("source_ref", ["", "..", "a/b", f"call_leg_id={LEG}", "from=x", "a b"])
def test_only_an_id_can_be_deleted(source_ref: str) -> None:
    """A filter names several recordings, and a path is no id."""
    assert PROVIDER.delete_request(source_ref, ACCESS) is None


@pytest.mark.parametrize("source_ref", [None, "", "..", "a/b", "from=x", "call_leg_id="])
def test_what_is_no_ref_is_not_asked_for(source_ref: str | None) -> None:
    """There is nobody to ask."""
    assert PROVIDER.find_request(replace(NAMED, source_ref=source_ref), ACCESS) is None


def test_a_fresh_url_is_found() -> None:
    """The lossless one; all else stays as it was announced."""
    answer = load("rest_recording")
    assert PROVIDER.found(NAMED, reply(answer)) == replace(NAMED, url=answer["data"]["download_urls"]["wav"])
    del answer["data"]["download_urls"]["wav"]
    assert PROVIDER.found(NAMED, reply(answer)).url == answer["data"]["download_urls"]["mp3"]


def test_a_recording_without_an_id_is_found_by_its_beginning() -> None:
    """Of a leg's recordings it is the one that began then; its id is known from now on."""
    answer = load("rest_recordings")
    expected = replace(UNNAMED, url=answer["data"][0]["download_urls"]["wav"], source_ref=RECORDING)
    assert PROVIDER.found(UNNAMED, reply(answer)) == expected
    alone = replace(UNNAMED, recording_ref=f"{LEG}/0ccc7b54-4df3-4bca-a65a-3da1ecc777f5")
    assert PROVIDER.found(alone, reply(answer | {"data": answer["data"][:1]})).source_ref == RECORDING
    for announcement, data in ((UNNAMED, answer["data"][1:]), (UNNAMED, []), (alone, answer["data"])):
        with pytest.raises(FetchFailed) as error:
            PROVIDER.found(announcement, reply(answer | {"data": data}))
        assert not error.value.final


@pytest.mark.parametrize(
    ("changes", "status", "final"),
    [
        ({}, 404, False),
        ({}, 410, True),
        ({}, 401, False),
        ({}, 403, False),
        ({}, 500, False),
        ({"id": "another"}, 200, False),
        ({"id": None}, 200, False),
        ({"download_urls": {}}, 200, False),
        ({"download_urls": None}, 200, False),
        ({"download_urls": {"wav": "gs://bucket/a.wav"}}, 200, True),
        ({"download_urls": {"wav": "https://u:p@x/"}}, 200, False),
    ],
)
def test_what_is_not_found_is_final_only_where_it_never_will_be(
    changes: dict[str, object], status: int, *, final: bool
) -> None:
    """What is gone, and what lies in the customer's own bucket."""
    answer = load("rest_recording")
    answer["data"] |= changes
    with pytest.raises(FetchFailed) as error:
        PROVIDER.found(NAMED, reply(answer, status))
    assert error.value.final is final


def test_deletion_is_the_default_and_is_not_repeated() -> None:
    """The answer names what was deleted."""
    assert PROVIDER.deletes_by_default
    assert PROVIDER.delete_again_after is None


def test_a_list_brings_recordings_as_events_announce_them() -> None:
    """By the same id and the same call, conferences included."""
    page = PROVIDER.listed(reply(load("rest_recordings")))
    first, second = page.items
    assert (first.announcement.recording_ref, first.announcement.source_ref) == (RECORDING, RECORDING)
    assert first.announcement.voices == ("unknown", "unknown")
    assert (first.facts.call_ref, second.facts.call_ref) == (LEG, CONFERENCE)
    assert (first.facts.caller, first.facts.started_at) == ("+12025550133", at("22:20:27.521000"))
    assert first.facts.ended_at == at("22:25:19.521000")
    assert page.cursor == "2"


@pytest.mark.parametrize(("page", "pages", "cursor"), [(1, 3, "2"), (3, 3, None), (1, 0, None)])
def test_pages_are_counted_to_the_last(page: int, pages: int, cursor: str | None) -> None:
    """The cursor is a page number."""
    answer = load("rest_recordings")
    answer["meta"] |= {"page_number": page, "total_pages": pages}
    assert PROVIDER.listed(reply(answer)).cursor == cursor


@pytest.mark.parametrize("answer", [b"", b"[]", {}, {"data": {}}, {"data": []}, {"data": [], "meta": []}])
def test_an_answer_that_is_no_list_is_a_failure(answer: object) -> None:
    """An end that nobody said is not taken for one."""
    with pytest.raises(FetchFailed) as error:
        PROVIDER.listed(reply(answer))
    assert not error.value.final


def test_a_recording_that_cannot_be_read_does_not_hide_the_others() -> None:
    """It is passed over, as is one that is not complete."""
    answer = load("rest_recordings")
    answer["data"][:1] = [7, None, {}, {"id": "x"}, answer["data"][0] | {"status": "partial"}]
    assert len(PROVIDER.listed(reply(answer)).items) == 1


@pytest.mark.parametrize(
    ("announcement", "name"), [(NAMED, "rest_recording"), (UNNAMED, "rest_recordings")], ids=["id", "leg"]
)
def test_odd_answers_raise_nothing_but_fetch_failed(announcement: Announcement, name: str) -> None:
    """Each part of both answers is left out or replaced by each thing that it is not."""
    count = 0
    for answer in malformed(load(name)):
        for ask in (partial(PROVIDER.found, announcement), PROVIDER.listed):
            count += 1
            try:
                ask(reply(answer))
            except FetchFailed as error:
                assert "http" not in str(error)
    assert count > 500


def test_the_setup_is_plain_and_honest() -> None:
    """It names the URL, the version, the events, and what deletion leaves."""
    setup = json.loads(json.dumps(PROVIDER.setup("https://vault.example/webhooks/telnyx/c")))
    assert setup["url"] == "https://vault.example/webhooks/telnyx/c"
    assert setup["webhook_api_version"] == "2"
    assert {"call.recording.saved", "conference.recording.saved"} <= set(setup["events"])
    assert "stay there" in setup["delete_at_source"]
    assert setup["retries"]
