"""cXML against Twilio's builder, whose language it is, and against the attributes that SignalWire documents.

SignalWire's SDK has no builder of cXML: its documents show one that is Twilio's. ``DOCUMENTED`` is the table of
signalwire.com/docs/compatibility-api/cxml/reference/voice, pages gather, play, say and redirect.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Gather as TwilioGather
from twilio.twiml.voice_response import VoiceResponse

from tests.telephony import forms_of
from tests.telephony.scripts import HOSTILE, LONG, SCRIPTS, STATUS, asked_or_invalid, canonical, read
from tests.telephony.signalwire.recorded import (
    ACCESS,
    BASIC,
    CALL,
    ELSEWHERE,
    NOW,
    PROJECT,
    PROVIDER,
    URL,
    delivery,
    load,
)
from vault.domain.calls.call import CallFacts
from vault.domain.calls.call_document import CallFlow, CallStep, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.errors import FetchFailed, Invalid
from vault.ports.telephony import CallDocuments
from vault.telephony.call_documents import remove_invalid_characters
from vault.telephony.providers.signalwire.adapter import FLOW

FLOW_PORT: CallDocuments = FLOW
TAGS = {"en-GB": "en-GB", "de": "de-DE", "en": "en-US"}
DOCUMENTED = {
    "Response": set(),
    "Say": {"language", "loop", "voice"},
    "Play": {"loop"},
    "Gather": {
        "action",
        "actionOnEmptyResult",
        "enhanced",
        "finishOnKey",
        "hints",
        "input",
        "language",
        "method",
        "numDigits",
        "partialResultCallback",
        "partialResultCallbackMethod",
        "profanityFilter",
        "speechModel",
        "speechTimeout",
        "timeout",
    },
    "Redirect": {"method"},
}
FACTS = CallFacts(call_ref=CALL, direction="inbound", caller="+12025550100", callee="+12025550199")


def play(parent: VoiceResponse | TwilioGather, step: Play) -> None:
    if step.audio_url is None:
        parent.say(step.text, language=TAGS[step.language])
    else:
        parent.play(step.audio_url)


def built(script: CallFlow) -> str:
    """Return the script as Twilio's SDK writes it, without what begins a recording."""
    response = VoiceResponse()
    for step in script:
        match step:
            case Play():
                play(response, step)
            case Gather():
                gather = TwilioGather(
                    action=step.answer_url, method="POST", num_digits=1, timeout=step.seconds
                )
                play(gather, step.prompt)
                response.append(gather)
            case Redirect():
                response.redirect(step.url, method="POST")
    return response.to_xml()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_is_what_the_builder_writes(name: str) -> None:
    """The same elements in the same order; only the recording is begun in another way."""
    document = FLOW.document(SCRIPTS[name])
    assert canonical(document.body) == canonical(built(SCRIPTS[name]))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_holds_what_is_documented(name: str) -> None:
    """An element that SignalWire does not know is an error that ends the call."""
    for element in read(FLOW.document(SCRIPTS[name])).iter():
        assert set(element.attrib) <= DOCUMENTED[element.tag]


@pytest.mark.parametrize("name", [*HOSTILE, *LONG])
def test_any_text_is_spoken_whole(name: str) -> None:
    """SignalWire speaks 4,096 characters in one request; what a text holds besides letters changes no element."""
    text = {**HOSTILE, **LONG}[name]
    root = read(FLOW.document((Play(text=text, language="en"),)))
    assert {child.tag for child in root} == {"Say"}
    assert all(len(say.text or "") <= 4096 for say in root)
    assert "".join("".join(say.text or "" for say in root).split()) == "".join(
        remove_invalid_characters(text).split()
    )


def test_a_recording_is_begun_over_rest() -> None:
    """Both parties, a channel each, nothing trimmed, and the status told where the vault listens."""
    request = PROVIDER.record_request(CALL, STATUS, ACCESS)
    assert request is not None
    assert request.method == "POST"
    assert request.url == (
        f"https://example.signalwire.com/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/{CALL}/Recordings.json"
    )
    assert request.headers["authorization"] == BASIC
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.hosts == ("example.signalwire.com",)
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == {
        "RecordingChannels": "dual",
        "RecordingTrack": "both",
        "Trim": "do-not-trim",
        "RecordingStatusCallback": STATUS,
        "RecordingStatusCallbackMethod": "POST",
        "RecordingStatusCallbackEvent": "completed absent",
    }


def test_a_recording_is_begun_where_the_connection_says() -> None:
    """A base of one's own stands in for the space, and is the only host that is reached."""
    request = PROVIDER.record_request(CALL, STATUS, ELSEWHERE)
    assert request is not None
    assert request.url.startswith("http://127.0.0.1:9999/api/laml/")
    assert request.hosts == ("127.0.0.1",)


@pytest.mark.parametrize("call_ref", ["", "../Recordings", "a/b", "x" * 65, "a?b", "a b"])
def test_nothing_but_a_call_is_recorded(call_ref: str) -> None:
    """The name becomes part of a path, so what is none of SignalWire's is asked of nobody."""
    with pytest.raises(FetchFailed) as failed:
        PROVIDER.record_request(call_ref, STATUS, ACCESS)
    assert failed.value.final


@pytest.mark.parametrize(
    ("name", "changes", "step"),
    [
        ("voice_url", {}, CallStep(facts=FACTS)),
        ("gather_action", {}, CallStep(facts=FACTS, key="9")),
        ("gather_action", {"Digits": ""}, CallStep(facts=FACTS)),
        ("gather_action", {"From": "anonymous"}, CallStep(facts=replace(FACTS, caller="anonymous"), key="9")),
    ],
)
def test_a_request_says_which_call_and_which_key(
    name: str, changes: Mapping[str, str], step: CallStep
) -> None:
    """The call has the name that its recordings are announced under."""
    assert FLOW.step(delivery({**load(name), **changes})) == step


@pytest.mark.parametrize(("field", "wrong"), [("CallSid", ""), ("CallSid", "a/b"), ("Digits", "99")])
def test_what_cannot_be_meant_is_invalid(field: str, wrong: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery({**load("gather_action"), field: wrong}))
    assert error.value.field == field


def test_json_asks_for_no_document() -> None:
    """SWML is another language, and is asked for in another way."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery(b"{}", {"content-type": "application/json"}))
    assert error.value.field == "body"


def test_every_malformed_request_is_a_step_or_invalid() -> None:
    """Each field left out, replaced and said twice."""
    for form in forms_of.malformed(load("gather_action")):
        asked_or_invalid(lambda form=form: FLOW.step(delivery(form)))


@given(body=st.binary(max_size=300), method=st.sampled_from(["GET", "POST"]), tail=st.text(), kind=st.text())
def test_any_request_is_a_step_or_invalid(body: bytes, method: str, tail: str, kind: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    headers = {"content-type": kind}
    asked = Delivery(method=method, url=URL + tail, headers=headers, body=body, received_at=NOW)
    asked_or_invalid(lambda: FLOW.step(asked))


def test_the_flow_is_the_providers() -> None:
    """The adapter hands out this flow, in which no document begins a recording."""
    assert PROVIDER.call_documents is FLOW
    assert read(FLOW.document((Record(status_url=STATUS),))).find("Start") is None
