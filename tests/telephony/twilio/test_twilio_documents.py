"""TwiML against the builder of Twilio's own SDK, and what Twilio says when it asks for it."""

from collections.abc import Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Gather as TwilioGather
from twilio.twiml.voice_response import Start, VoiceResponse

from tests.telephony import forms_of
from tests.telephony.scripts import (
    AUDIO,
    HEARD,
    HOSTILE,
    KEY,
    LONG,
    SCRIPTS,
    STATUS,
    asked_or_invalid,
    canonical,
    read,
)
from tests.telephony.twilio.recorded import CALL, NOW, PROVIDER, URL, delivery, load
from vault.domain.calls.call import CallFacts
from vault.domain.calls.call_document import CallFlow, CallStep, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.ports.telephony import CallDocuments
from vault.telephony.call_documents import remove_invalid_characters
from vault.telephony.providers.twilio.adapter import FLOW

FLOW_PORT: CallDocuments = FLOW
PARTIES = {"caller": "+12025550100", "callee": "+12025550199"}
TAGS = {"en-GB": "en-GB", "de": "de-DE", "en": "en-US"}


def play(parent: VoiceResponse | TwilioGather, step: Play) -> None:
    if step.audio_url is None:
        parent.say(step.text, language=TAGS[step.language])
    else:
        parent.play(step.audio_url)


def built(script: CallFlow) -> str:
    """Return the script as Twilio's SDK writes it."""
    response = VoiceResponse()
    for step in script:
        match step:
            case Play():
                play(response, step)
            case Gather():
                gather = TwilioGather(
                    action=step.answer_url,
                    method="POST",
                    num_digits=1,
                    timeout=step.seconds,
                    finish_on_key="",
                )
                play(gather, step.prompt)
                response.append(gather)
            case Record():
                start = Start()
                start.recording(
                    channels="dual",
                    track="both",
                    trim="do-not-trim",
                    recording_status_callback=step.status_url + "#rc=5&rp=all",
                    recording_status_callback_method="POST",
                    recording_status_callback_event="completed absent",
                )
                response.append(start)
            case Redirect():
                response.redirect(step.url, method="POST")
    return response.to_xml()


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_is_what_the_vendors_builder_writes(name: str) -> None:
    """The same elements, attributes and texts in the same order, compared as canonical XML."""
    document = FLOW.document(SCRIPTS[name])
    assert canonical(document.body) == canonical(built(SCRIPTS[name]))


def test_a_document_is_these_bytes() -> None:
    """Ampersands of URLs are escaped, and the overrides of a fragment are kept as somebody chose them."""
    document = FLOW.document(SCRIPTS["ask, record and go on"])
    assert document.media_type == "application/xml"
    assert document.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Response><Gather action="https://vault.example/webhooks/p/c/key?call=1&amp;then=%26" numDigits="1" '
        'timeout="5" method="POST" finishOnKey=""><Say language="en-US">Press 1 to decline.</Say></Gather>'
        '<Start><Recording channels="dual" track="both" trim="do-not-trim" recordingStatusCallbackMethod="POST" '
        'recordingStatusCallbackEvent="completed absent" '
        'recordingStatusCallback="https://vault.example/webhooks/p/c?a=1&amp;b=2#rc=5&amp;rp=all" /></Start>'
        '<Redirect method="POST">https://vault.example/webhooks/p/c/heard?a=1&amp;b=2#rc=2</Redirect></Response>'
    )


def test_overrides_of_ones_own_are_kept() -> None:
    """A URL that has a fragment gets no second one."""
    recording = read(FLOW.document((Record(status_url=f"{STATUS}#rc=2"),))).find("Start/Recording")
    assert recording is not None
    assert recording.get("recordingStatusCallback") == f"{STATUS}#rc=2"


def spoken(root: Element) -> list[str]:
    return [say.text or "" for say in root.iter("Say")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_spoken_and_nothing_else(name: str) -> None:
    """Whatever stands in a notice, it is one text in one element, without what XML cannot carry."""
    text = HOSTILE[name]
    root = read(FLOW.document((Play(text=text, language="en"), Redirect(url=HEARD))))
    assert [child.tag for child in root] == ["Say", "Redirect"]
    # XML reads every line end as one (XML 1.0, section 2.11).
    assert spoken(root) == [remove_invalid_characters(text).strip().replace("\r\n", "\n")]


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_spoken_whole(name: str) -> None:
    """No piece is longer than Twilio speaks: 3,000 bytes, and 4,500 characters once it is URL-encoded."""
    parts = spoken(read(FLOW.document((Play(text=LONG[name], language="en"),))))
    assert "".join("".join(parts).split()) == "".join(LONG[name].split())
    assert all(0 < len(part.encode()) <= 3000 and len(quote(part)) <= 4500 for part in parts)


@given(text=st.text(st.characters(exclude_categories=())), url=st.text(st.characters(exclude_categories=())))
def test_any_text_and_any_url_make_a_document(text: str, url: str) -> None:
    """What is written can be read again, with the text of the notice and one prompt inside its question."""
    script = (Gather(prompt=Play(text=text, language="en"), answer_url=url), Redirect(url=url))
    root = read(FLOW.document(script))
    assert [child.tag for child in root] == ["Gather", "Redirect"]
    assert {say.tag for say in root[0]} <= {"Say"}
    assert "".join("".join(spoken(root)).split()) == "".join(remove_invalid_characters(text).split())


@pytest.mark.parametrize(("seconds", "timeout"), [(-1, "1"), (0, "1"), (1, "1"), (120, "120"), (121, "120")])
def test_a_question_waits_within_bounds(seconds: int, timeout: str) -> None:
    """No question waits for ever, or not at all."""
    ask = Gather(prompt=Play(text="?", language="en", audio_url=AUDIO), answer_url=KEY, seconds=seconds)
    assert read(FLOW.document((ask,)))[0].get("timeout") == timeout


@pytest.mark.parametrize(
    ("name", "changes", "step"),
    [
        ("voice_url", {}, CallStep(facts=CallFacts(call_ref=CALL, direction="inbound", **PARTIES))),
        (
            "gather_action",
            {},
            CallStep(facts=CallFacts(call_ref=CALL, direction="inbound", **PARTIES), key="1"),
        ),
        ("gather_action", {"Digits": "#"}, "#"),
        ("gather_action", {"Digits": "*"}, "*"),
        ("gather_action", {"Digits": ""}, None),
        ("call_from_client", {}, None),
    ],
)
def test_a_request_says_which_call_and_which_key(
    name: str, changes: Mapping[str, str], step: CallStep | str | None
) -> None:
    """The call has the name that its recordings are announced under; no time is made up."""
    said = FLOW.step(delivery({**load(name), **changes}))
    if isinstance(step, CallStep):
        assert said == step
    assert said.facts.call_ref == CALL
    assert said.facts.started_at is None
    assert said.key == (step.key if isinstance(step, CallStep) else step)


def test_a_request_may_come_by_get() -> None:
    """Twilio signs the query as part of the URL."""
    query = forms_of.encode(load("gather_action")).decode()
    asked = Delivery(method="GET", url=f"{URL}/key?{query}", headers={}, body=b"", received_at=NOW)
    assert FLOW.step(asked) == FLOW.step(delivery(load("gather_action")))


def test_a_dialled_leg_asks_for_its_call() -> None:
    """What is played to the called party belongs to the call that dialled, and so does that party's number."""
    form = {**load("voice_url"), "CallSid": "CA" + "11" * 16, "ParentCallSid": CALL}
    assert FLOW.step(delivery(form)).facts == CallFacts(call_ref=CALL, callee=form["To"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"CallSid": ""}, "CallSid"),
        ({"CallSid": "../../x"}, "CallSid"),
        ({"CallSid": "C" * 65}, "CallSid"),
        ({"Digits": "12"}, "Digits"),
        ({"Digits": "A"}, "Digits"),
        ({"Digits": " "}, "Digits"),
        ({"Digits": "\u0661"}, "Digits"),
        ({"Timestamp": "soon"}, "Timestamp"),
    ],
)
def test_what_cannot_be_meant_is_invalid(changes: Mapping[str, str], field: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery({**load("gather_action"), **changes}))
    assert error.value.field == field


def test_a_key_said_twice_and_json_are_invalid() -> None:
    """The signature does not order repeated fields; and what calls itself JSON was proven as JSON, not as a form."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery([*load("gather_action").items(), ("Digits", "2")]))
    assert error.value.field == "Digits"
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery(load("gather_action"), {"content-type": "application/json"}))
    assert error.value.field == "body"


def test_every_malformed_request_is_a_step_or_invalid() -> None:
    """Each field left out, replaced and said twice."""
    seen = [
        asked_or_invalid(lambda form=form: FLOW.step(delivery(form))) is None
        for form in forms_of.malformed(load("gather_action"))
    ]
    assert any(seen)
    assert not all(seen)


@given(body=st.binary(max_size=300), method=st.sampled_from(["GET", "POST"]), tail=st.text(), kind=st.text())
def test_any_request_is_a_step_or_invalid(body: bytes, method: str, tail: str, kind: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    headers = {"content-type": kind}
    asked = Delivery(method=method, url=URL + tail, headers=headers, body=body, received_at=NOW)
    asked_or_invalid(lambda: FLOW.step(asked))


@given(
    st.dictionaries(
        st.sampled_from(
            ["CallSid", "From", "To", "Direction", "CallStatus", "Digits", "ParentCallSid", "Timestamp"]
        ),
        st.text(max_size=20) | st.sampled_from(["inbound", CALL, "7", "client:bob"]),
    )
)
def test_any_fields_are_a_step_or_invalid(form: dict[str, str]) -> None:
    """Known fields with unknown values."""
    asked_or_invalid(lambda: FLOW.step(delivery(form)))


def test_the_flow_is_the_providers() -> None:
    """The adapter hands out this flow, and says where Twilio is told to ask."""
    assert PROVIDER.call_documents is FLOW
