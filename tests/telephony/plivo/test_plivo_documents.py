"""Plivo's XML against the builder of Plivo's own SDK, and what Plivo says when it asks for it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo import plivoxml

from tests.telephony.malformed import WRONG
from tests.telephony.plivo.recorded import CALL, NOW, PROVIDER, URL, changed, delivery, heard, load
from tests.telephony.scripts import HOSTILE, KEY, LONG, SCRIPTS, STATUS, asked_or_invalid, canonical, read
from vault.domain.calls.call import CallFacts
from vault.domain.calls.call_document import CallFlow, CallStep, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.ports.telephony import CallDocuments
from vault.telephony.call_documents import remove_invalid_characters
from vault.telephony.providers.plivo.documents import LANGUAGES, PlivoDocuments

FLOW: CallDocuments = PlivoDocuments()
FACTS = CallFacts(call_ref=CALL, direction="inbound", caller="+12025550100", callee="+442079460000")
TAGS = {"en-GB": "en-GB", "de": "de-DE", "en": "en-US"}


def played(step: Play) -> plivoxml.PlayElement | plivoxml.SpeakElement:
    if step.audio_url is not None:
        return plivoxml.PlayElement(step.audio_url)
    return plivoxml.SpeakElement(step.text, language=TAGS[step.language])


def built(script: CallFlow) -> str:
    """Return the script as Plivo's SDK writes it."""
    response = plivoxml.ResponseElement()
    for step in script:
        match step:
            case Play():
                response.add(played(step))
            case Gather():
                asked = plivoxml.GetInputElement(
                    action=step.answer_url,
                    method="POST",
                    input_type="dtmf",
                    execution_timeout=step.seconds,
                    num_digits=1,
                    finish_on_key="none",
                )
                response.add(asked.add(played(step.prompt)))
            case Record():
                response.add(
                    plivoxml.RecordElement(
                        record_session=True,
                        redirect=False,
                        file_format="wav",
                        record_channel_type="stereo",
                        max_length=14400,
                        callback_url=step.status_url + "#rc=5&rp=all",
                        callback_method="POST",
                    )
                )
            case Redirect():
                response.add(plivoxml.RedirectElement(step.url, method="POST"))
    return response.to_string(pretty=False)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_is_what_the_vendors_builder_writes(name: str) -> None:
    """The same elements, attributes and texts in the same order, compared as canonical XML."""
    document = FLOW.document(SCRIPTS[name])
    assert canonical(document.body) == canonical(built(SCRIPTS[name]))


def test_a_document_is_these_bytes() -> None:
    """The recording lasts four hours at most, and goes on while the next document is fetched."""
    document = FLOW.document(SCRIPTS["ask, record and go on"])
    assert document.media_type == "application/xml"
    assert document.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Response><GetInput action="https://vault.example/webhooks/p/c/key?call=1&amp;then=%26" method="POST" '
        'inputType="dtmf" executionTimeout="5" numDigits="1" finishOnKey="none">'
        '<Speak language="en-US">Press 1 to decline.</Speak></GetInput>'
        '<Record recordSession="true" redirect="false" fileFormat="wav" recordChannelType="stereo" '
        'maxLength="14400" callbackMethod="POST" '
        'callbackUrl="https://vault.example/webhooks/p/c?a=1&amp;b=2#rc=5&amp;rp=all" />'
        '<Redirect method="POST">https://vault.example/webhooks/p/c/heard?a=1&amp;b=2#rc=2</Redirect></Response>'
    )


def test_options_of_ones_own_are_kept() -> None:
    """A URL that has a fragment gets no second one."""
    assert (
        read(FLOW.document((Record(status_url=f"{STATUS}#rc=2"),)))[0].get("callbackUrl") == f"{STATUS}#rc=2"
    )


@pytest.mark.parametrize("name", [*HOSTILE, *LONG])
def test_any_text_is_spoken_whole(name: str) -> None:
    """What a text holds besides letters changes no element, and no piece is longer than 1,500 bytes."""
    text = {**HOSTILE, **LONG}[name]
    root = read(FLOW.document((Play(text=text, language="en"),)))
    assert {child.tag for child in root} == {"Speak"}
    assert all(len((speak.text or "").encode()) <= 1500 for speak in root)
    assert "".join("".join(speak.text or "" for speak in root).split()) == "".join(
        remove_invalid_characters(text).split()
    )


@given(text=st.text(st.characters(exclude_categories=())), url=st.text(st.characters(exclude_categories=())))
def test_any_text_and_any_url_make_a_document(text: str, url: str) -> None:
    """What is written can be read again."""
    root = read(
        FLOW.document((Gather(prompt=Play(text=text, language="en"), answer_url=url), Redirect(url=url)))
    )
    assert [child.tag for child in root] == ["GetInput", "Redirect"]


@pytest.mark.parametrize(("seconds", "timeout"), [(0, "5"), (5, "5"), (6, "6"), (60, "60"), (61, "60")])
def test_a_question_waits_as_long_as_plivo_can(seconds: int, timeout: str) -> None:
    """ExecutionTimeout is 5 to 60 seconds."""
    ask = Gather(prompt=Play(text="?", language="en"), answer_url=KEY, seconds=seconds)
    assert read(FLOW.document((ask,)))[0].get("executionTimeout") == timeout


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("fr", "fr-FR"),
        ("fr-CA", "fr-CA"),
        ("FR-be", "fr-FR"),
        ("es-MX", "es-ES"),
        ("pt", "pt-PT"),
        ("hu-HU", None),
    ],
)
def test_a_notice_is_spoken_in_a_language_that_plivo_has(tag: str, language: str | None) -> None:
    """Another region of it, before none at all."""
    assert read(FLOW.document((Play(text="x", language=tag),)))[0].get("language") == language
    assert language is None or language in LANGUAGES


@pytest.mark.parametrize(
    ("name", "changes", "step"),
    [
        ("answer", {}, CallStep(facts=FACTS)),
        ("getinput", {}, CallStep(facts=FACTS, key="*")),
        ("getinput", {"Digits": ""}, CallStep(facts=FACTS)),
        ("getinput", {"Digits": " "}, CallStep(facts=FACTS)),
        ("getinput", {"Digits": "#"}, CallStep(facts=FACTS, key="#")),
        ("getinput", {"From": "anonymous"}, CallStep(facts=replace(FACTS, caller="anonymous"), key="*")),
        ("answer", {"Direction": None}, CallStep(facts=replace(FACTS, direction=None))),
    ],
)
def test_a_request_says_which_call_and_which_key(
    name: str, changes: Mapping[str, str | None], step: CallStep
) -> None:
    """Digits with a country code become E.164."""
    assert FLOW.step(delivery(changed(name, **changes))) == step


def test_a_request_has_the_name_of_its_recordings_call() -> None:
    """So evidence finds the recording."""
    recorded = heard(load("record"))
    assert recorded is not None
    assert FLOW.step(delivery(load("answer"))).facts.call_ref == recorded.facts.call_ref


def test_a_request_may_come_by_get() -> None:
    """Plivo signs the query as part of the URL."""
    asked = delivery("", method="GET", url=f"{URL}/key?{load('getinput')}")
    assert FLOW.step(asked) == FLOW.step(delivery(load("getinput")))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("CallUUID", None),
        ("CallUUID", "x" * 201),
        ("CallUUID", "a\nb"),
        ("Direction", "sideways"),
        ("Digits", "12"),
        ("Digits", "a"),
        ("StartTime", "soon"),
    ],
)
def test_what_cannot_be_meant_is_invalid(field: str, wrong: str | None) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery(changed("getinput", **{field: wrong})))
    assert error.value.field == field


def test_a_key_said_twice_is_invalid() -> None:
    """The signature does not say where a repeated parameter stood."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery(load("getinput") + "&Digits=1"))
    assert error.value.field == "Digits"


def test_every_malformed_request_is_a_step_or_invalid() -> None:
    """Each field is left out, and replaced by what it is not."""
    for field in [piece.partition("=")[0] for piece in load("getinput").split("&")]:
        for wrong in (None, *(str(one).replace("\ud800", "?") for one in WRONG)):
            asked = delivery(changed("getinput", **{field: wrong}))
            asked_or_invalid(lambda asked=asked: FLOW.step(asked))


@given(body=st.binary(max_size=300), method=st.sampled_from(["GET", "POST", "PUT"]), tail=st.text())
def test_any_request_is_a_step_or_invalid(body: bytes, method: str, tail: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    asked = Delivery(method=method, url=URL + tail, headers={}, body=body, received_at=NOW)
    asked_or_invalid(lambda: FLOW.step(asked))


def test_the_flow_is_the_providers() -> None:
    """The adapter hands out this flow."""
    assert PROVIDER.call_documents == FLOW
