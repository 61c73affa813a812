"""SignalWire's events, media and REST interface, where they are not Twilio's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony.forms_of import malformed
from tests.telephony.replies import check_invalid_or_content, reply
from tests.telephony.signalwire.recorded import (
    ACCESS,
    API,
    BASIC,
    CALL,
    CREDENTIALS,
    ELSEWHERE,
    LIST,
    NAMES,
    PATH,
    PROJECT,
    PROVIDER,
    READY,
    RECORDING,
    at,
    delivery,
    heard,
    load,
)
from vault.domain.calls.call import CallFacts, WebhookContent
from vault.domain.calls.provider_api import Access, Listed, ListedPage
from vault.errors import FetchFailed, Invalid

DESCRIBED = {
    "sid": RECORDING,
    "account_sid": PROJECT,
    "call_sid": CALL,
    "channels": 2,
    "source": "DialVerb",
    "status": "completed",
    "duration": 13,
    "date_created": "Thu, 09 Nov 2023 17:05:04 +0000",
    "start_time": "2023-11-09T17:04:50Z",
    "uri": f"{PATH}.json",
}
ASKED = CallFacts(call_ref=CALL, direction="inbound", caller="+12025550100", callee="+12025550199")
EVENTS = [
    ("voice_url", ASKED, None),
    ("gather_action", ASKED, None),
    ("recording_completed", CallFacts(call_ref=CALL), READY),
    ("recording_absent", CallFacts(call_ref=CALL), None),
    ("recording_in_progress", CallFacts(call_ref=CALL), None),
    (
        "call_completed",
        CallFacts(
            call_ref=CALL,
            direction="inbound",
            caller="+12025550100",
            callee="+12025550199",
            started_at=at("17:04:00"),
            ended_at=at("17:05:04"),
        ),
        None,
    ),
    (
        "call_ringing_iso",
        CallFacts(
            call_ref=CALL,
            direction="inbound",
            caller="sip:anna@example.com",
            callee="+12025550199",
            started_at=at("17:04:00"),
        ),
        None,
    ),
    (
        "record_action",
        CallFacts(call_ref=CALL, direction="inbound", caller="anonymous", callee="+12025550199"),
        replace(READY, kind="voicemail", voices=()),
    ),
]


@pytest.mark.parametrize(("name", "facts", "announcement"), EVENTS)
def test_each_shape_says_what_it_says(name: str, facts: CallFacts, announcement: object) -> None:
    """A recorded form becomes facts, and an announcement only where a recording is ready."""
    assert heard(load(name)) == WebhookContent(facts=facts, announcement=announcement)


def test_every_payload_is_tested() -> None:
    """A file that no test names would be dead weight."""
    assert {event[0] for event in EVENTS} == set(NAMES)


def test_json_concerns_nobody() -> None:
    """SWML and RELAY tell of calls that the vault does not hear of in this way."""
    assert PROVIDER.understand(delivery(b"{}", {"content-type": "application/json"})) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_malformed_field_is_invalid_or_means_nothing(name: str) -> None:
    """Each field left out, replaced and said twice: Invalid with a field, None or Heard, and nothing else."""
    for form in malformed(load(name)):
        check_invalid_or_content(PROVIDER, delivery(form))


@given(st.binary(max_size=300))
def test_any_bytes_are_understood_or_invalid(raw: bytes) -> None:
    """Nothing else can happen."""
    try:
        PROVIDER.understand(delivery(raw))
    except Invalid as error:
        assert error.field


@pytest.mark.parametrize(
    ("url", "access", "trusted"),
    [
        (API, ACCESS, True),
        (API.replace("example.", "other."), ACCESS, False),
        (API.replace("example.", "files."), ACCESS, False),
        (API.replace("https", "http"), ACCESS, False),
        (API.replace(".com", ".com:8443"), ACCESS, False),
        (API.replace("signalwire.com", "signalwire.com.evil.example"), ACCESS, False),
        (f"http://127.0.0.1:9999{PATH}", ACCESS, False),
        (f"http://127.0.0.1:9999{PATH}", ELSEWHERE, True),
        (API, ELSEWHERE, False),
    ],
)
def test_credentials_go_to_the_own_space_alone(url: str, access: Access, *, trusted: bool) -> None:
    """Another customer's space is somebody else's host."""
    request = PROVIDER.media_request(replace(READY, url=url), access)
    assert request.headers == ({"authorization": BASIC} if trusted else {})
    assert request.url == f"{url}.wav"
    own = "127.0.0.1" if access is ELSEWHERE else "example.signalwire.com"
    assert request.hosts == ("*.signalwire.com", own)


def test_requests_are_of_the_laml_interface() -> None:
    """Find, delete and list, at the space and at another origin."""
    cursor = f"{LIST}?Page=1&PageSize=50&PageToken=PA{RECORDING}"
    for access, origin, host in (
        (ACCESS, "https://example.signalwire.com", "example.signalwire.com"),
        (ELSEWHERE, "http://127.0.0.1:9999", "127.0.0.1"),
    ):
        for request, method, path in (
            (PROVIDER.find_request(READY, access), "GET", f"{PATH}.json"),
            (PROVIDER.delete_request(RECORDING, access), "DELETE", f"{PATH}.json"),
            (
                PROVIDER.list_request(at("01:00:00"), None, access),
                "GET",
                f"{LIST}.json?DateCreated%3E=2023-11-09&PageSize=50",
            ),
            (PROVIDER.list_request(at("01:00:00"), cursor, access), "GET", cursor),
        ):
            assert request is not None
            assert (request.method, request.url, request.hosts) == (method, origin + path, (host,))
            assert request.headers == {"authorization": BASIC, "accept": "application/json"}


def test_a_recording_is_found_and_listed_beside_its_description() -> None:
    """SignalWire names no media URL: it is the description's, without .json, at the connection's origin."""
    assert PROVIDER.find_request(replace(READY, source_ref=None), ACCESS) is None
    found = PROVIDER.found(replace(READY, url=None), reply(DESCRIBED))
    assert found == replace(READY, url=PATH)
    assert PROVIDER.media_request(found, ACCESS).url == f"{API}.wav"
    facts = CallFacts(call_ref=CALL, started_at=at("17:04:50"), ended_at=at("17:05:03"))
    page = {"recordings": [DESCRIBED], "next_page_uri": f"{LIST}?Page=1"}
    assert PROVIDER.listed(reply(page)) == ListedPage(
        items=[Listed(announcement=found, facts=facts)], cursor=f"{LIST}?Page=1"
    )
    with pytest.raises(FetchFailed):
        PROVIDER.listed(reply(page | {"next_page_uri": LIST.removeprefix("/api/laml")}))


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({}, "signing_key"),
        (CREDENTIALS | {"token": "x"}, "credentials"),
        (CREDENTIALS | {"signing_key": ""}, "signing_key"),
        (CREDENTIALS | {"project_id": "p"}, "project_id"),
        (CREDENTIALS | {"api_token": "a b"}, "api_token"),
        (CREDENTIALS | {"space": "example.signalwire.com"}, "space"),
        (CREDENTIALS | {"space": "evil.example/"}, "space"),
        (CREDENTIALS | {"space": "-a"}, "space"),
        *(({k: v for k, v in CREDENTIALS.items() if k != name}, name) for name in CREDENTIALS),
    ],
)
def test_wrong_credentials_are_named(credentials: dict[str, str], field: str) -> None:
    """Four parts, no more and no less; the space becomes a part of a host name."""
    PROVIDER.check_credentials(CREDENTIALS)
    with pytest.raises(Invalid) as error:
        PROVIDER.check_credentials(credentials)
    assert error.value.field == field
    assert "made-up" not in str(error.value)


def test_the_setup_promises_nothing_about_retries() -> None:
    """The URL has no overrides: SignalWire documents none."""
    setup = PROVIDER.setup("https://vault.example/webhooks/signalwire/c")
    assert setup["url"] == "https://vault.example/webhooks/signalwire/c"
    assert {"events", "retries", "delete_at_source"} <= set(setup)
    assert PROVIDER.deletes_by_default
    assert PROVIDER.delete_again_after is None
