"""TeXML against the tables of Telnyx's documents, and what its applications say by forms.

The vendor's SDK is not among the test packages and has no builder of TeXML. ``DOCUMENTED`` holds the attributes
and values of developers.telnyx.com, docs/voice/programmable-voice/texml-verbs: gather, play, recording,
redirect, say and start. What is not in them is ignored by Telnyx without a word.
"""

from collections.abc import Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telephony import forms_of
from tests.telephony.scripts import (
    AUDIO,
    HOSTILE,
    KEY,
    LONG,
    SCRIPTS,
    asked_or_invalid,
    read,
)
from tests.telephony.telnyx.recorded import ACCESS, CREDENTIALS, HERE, NOW, PROVIDER, at, delivery, signed
from vault.domain.calls.call import Announcement, CallFacts, WebhookContent
from vault.domain.calls.call_document import CallStep, Gather, Play
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid, NotAuthentic
from vault.ports.telephony import CallDocuments
from vault.telephony.call_documents import remove_invalid_characters
from vault.telephony.providers.telnyx.texml import FLOW, LANGUAGES

FLOW_PORT: CallDocuments = FLOW
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
CALL = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"
RECORDING = "35094891-3290-4142-b2c2-b2eda57534cf"
FACTS = CallFacts(call_ref=CALL, caller="+12025550133", callee="+12025550131")
NAMES = ("texml_request", "texml_gather", "texml_recording_completed", "texml_call_completed")
#: Attribute to allowed values; None where anything is.
DOCUMENTED: Mapping[str, Mapping[str, set[str] | None]] = {
    "Response": {},
    "Say": {"voice": {"alice"}, "language": set(LANGUAGES), "loop": None},
    "Play": {"loop": None},
    "Gather": {
        "action": None,
        "timeout": {str(seconds) for seconds in range(1, 121)},
        "input": {"dtmf"},
        "finishOnKey": None,
        "numDigits": None,
    },
    "Start": {},
    "Recording": {
        "recordingStatusCallback": None,
        "recordingStatusCallbackMethod": {"GET", "POST"},
        "recordingStatusCallbackEvent": {"completed absent", "completed"},
        "channels": {"mono", "single", "dual"},
        "track": {"inbound", "outbound", "both"},
        "trim": {"trim-silence"},
        "format": {"mp3", "wav"},
    },
    "Redirect": {"method": {"GET", "POST"}},
}
INSIDE = {
    "Response": {"Say", "Play", "Gather", "Start", "Redirect"},
    "Gather": {"Say", "Play"},
    "Start": {"Recording"},
}


def load(name: str) -> dict[str, str]:
    return forms_of.load(HERE, name)


def form(fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Delivery:
    return delivery(forms_of.encode(fields), {**FORM, **(headers or {})})


def check(element: Element) -> None:
    """Fail unless the element and all inside it stand in the tables."""
    for name, value in element.attrib.items():
        allowed = DOCUMENTED[element.tag][name]
        assert allowed is None or value in allowed
    for child in element:
        assert child.tag in INSIDE[element.tag]
        check(child)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_holds_what_is_documented(name: str) -> None:
    """Elements where they may stand, attributes that are known, values that are allowed."""
    check(read(FLOW.document(SCRIPTS[name])))


def test_a_document_is_these_bytes() -> None:
    """The recording is lossless, and the question has no method, which TeXML's has not."""
    assert FLOW.document(SCRIPTS["ask, record and go on"]).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Response><Gather action="https://vault.example/webhooks/p/c/key?call=1&amp;then=%26" numDigits="1" '
        'timeout="5" finishOnKey=""><Say voice="alice" language="en-US">Press 1 to decline.</Say></Gather>'
        '<Start><Recording channels="dual" track="both" format="wav" recordingStatusCallbackMethod="POST" '
        'recordingStatusCallbackEvent="completed absent" '
        'recordingStatusCallback="https://vault.example/webhooks/p/c?a=1&amp;b=2" /></Start>'
        '<Redirect method="POST">https://vault.example/webhooks/p/c/heard?a=1&amp;b=2#rc=2</Redirect></Response>'
    )


def test_audio_is_played_inside_the_question() -> None:
    """A key may be pressed before the prompt is over."""
    ask = Gather(prompt=Play(text="x", language="en", audio_url=AUDIO), answer_url=KEY)
    assert [play.text for play in read(FLOW.document((ask,))).findall("Gather/Play")] == [AUDIO]


@pytest.mark.parametrize("name", [*HOSTILE, *LONG])
def test_any_text_is_spoken_whole(name: str) -> None:
    """Telnyx speaks 3,000 characters in one request."""
    text = {**HOSTILE, **LONG}[name]
    root = read(FLOW.document((Play(text=text, language="en"),)))
    check(root)
    assert all(len(say.text or "") <= 3000 for say in root)
    assert "".join("".join(say.text or "" for say in root).split()) == "".join(
        remove_invalid_characters(text).split()
    )


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en-US"),
        ("en-gb", "en-GB"),
        ("en-NZ", "en-US"),
        ("de-AT", "de-DE"),
        ("zh-TW", "cmn-CN"),
        ("ar-EG", "arb"),
        ("hu", None),
        ("", None),
    ],
)
def test_a_notice_is_spoken_in_a_language_that_telnyx_has(tag: str, language: str | None) -> None:
    """Another region of it, before none at all."""
    say = read(FLOW.document((Play(text="x", language=tag),)))[0]
    assert say.get("language") == language


@pytest.mark.parametrize(
    ("name", "changes", "step"),
    [
        ("texml_request", {}, CallStep(facts=FACTS)),
        (
            "texml_gather",
            {},
            CallStep(facts=replace(FACTS, caller="Defaultj35z6@sip.telnyx.com"), key="#"),
        ),
        ("texml_request", {"Digits": "0"}, CallStep(facts=FACTS, key="0")),
        ("texml_request", {"Digits": ""}, CallStep(facts=FACTS)),
        ("texml_request", {"Direction": "inbound"}, CallStep(facts=replace(FACTS, direction="inbound"))),
    ],
)
def test_a_request_says_which_call_and_which_key(
    name: str, changes: Mapping[str, str], step: CallStep
) -> None:
    """The call has the name under which its recordings are announced."""
    assert FLOW.step(form({**load(name), **changes})) == step


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("CallSid", ""), ("CallSid", "v3/../x"), ("CallSid", "v" * 201), ("Digits", "11"), ("Digits", "w")],
)
def test_what_cannot_be_meant_is_invalid(field: str, wrong: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        FLOW.step(form({**load("texml_gather"), field: wrong}))
    assert error.value.field == field


def test_a_query_is_not_believed() -> None:
    """Telnyx signs the body: what stands in the URL could be anybody's."""
    query = forms_of.encode(load("texml_gather")).decode()
    asked = Delivery(method="GET", url=f"https://v.example/?{query}", headers={}, body=b"", received_at=NOW)
    with pytest.raises(Invalid) as error:
        FLOW.step(asked)
    assert error.value.field == "method"


def test_a_form_is_proven_like_json() -> None:
    """The same headers over the same raw body; one changed key is another body."""
    body = forms_of.encode(load("texml_gather"))
    PROVIDER.authenticate(delivery(body, {**FORM, **signed(body)}), [CREDENTIALS])
    with pytest.raises(NotAuthentic):
        PROVIDER.authenticate(delivery(body.replace(b"%23", b"%2A"), {**FORM, **signed(body)}), [CREDENTIALS])


def test_a_recording_of_a_document_is_announced() -> None:
    """Under the call that asked for the document; its URL can be asked for again like any other's."""
    said = PROVIDER.understand(form(load("texml_recording_completed")))
    url = load("texml_recording_completed")["RecordingUrl"]
    announced = Announcement(
        recording_ref=RECORDING, url=url, source_ref=RECORDING, voices=("unknown", "unknown")
    )
    assert said == WebhookContent(facts=CallFacts(call_ref=CALL), announcement=announced)
    assert FLOW.step(form(load("texml_request"))).facts.call_ref == said.facts.call_ref
    request = PROVIDER.find_request(announced, ACCESS)
    assert request is not None
    assert request.url == f"https://api.telnyx.com/v2/recordings/{RECORDING}"
    assert PROVIDER.media_request(announced, ACCESS).url == url


@pytest.mark.parametrize("status", ["in-progress", "absent"])
def test_an_unfinished_recording_announces_nothing(status: str) -> None:
    """It may come yet, or never."""
    said = PROVIDER.understand(form({**load("texml_recording_completed"), "RecordingStatus": status}))
    assert said == WebhookContent(facts=CallFacts(call_ref=CALL))


def test_the_progress_of_a_call_is_told_by_forms_too() -> None:
    """Numbers and times of the call, as its status callback has them."""
    said = PROVIDER.understand(form(load("texml_call_completed")))
    assert said == WebhookContent(
        facts=replace(FACTS, started_at=at("22:20:26.028"), ended_at=at("22:25:20"))
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_malformed_form_is_understood_or_invalid(name: str) -> None:
    """Each field left out, replaced and said twice, as an event and as a request."""
    for fields in forms_of.malformed(load(name)):
        asked = delivery(forms_of.encode(fields), FORM)
        asked_or_invalid(lambda asked=asked: FLOW.step(asked))
        try:
            said = PROVIDER.understand(asked)
        except Invalid as error:
            assert error.field
        else:
            assert said is None or said.facts.call_ref


@given(body=st.binary(max_size=300), method=st.sampled_from(["GET", "POST"]), tail=st.text(), kind=st.text())
def test_any_request_is_a_step_or_invalid(body: bytes, method: str, tail: str, kind: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    for headers in ({"content-type": kind}, FORM):
        url = f"https://vault.example/{tail}"
        asked = Delivery(method=method, url=url, headers=headers, body=body, received_at=NOW)
        asked_or_invalid(lambda asked=asked: FLOW.step(asked))
        try:
            PROVIDER.understand(asked)
        except Invalid as error:
            assert error.field


def test_the_flow_is_the_providers() -> None:
    """The adapter hands out this flow."""
    assert PROVIDER.call_documents is FLOW
