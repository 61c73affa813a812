"""NCCOs against the models of Vonage's own SDK, and what Vonage says when it asks for them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_voice.models import ncco

from tests.telephony.malformed import malformed
from tests.telephony.scripts import AUDIO, HEARD, HOSTILE, KEY, LONG, SCRIPTS, STATUS, asked_or_invalid
from tests.telephony.vonage.recorded import CALL, NOW, PROVIDER, URL, delivery, load, query
from vault.domain.calls.call import CallFacts
from vault.domain.calls.call_document import CallFlow, CallStep, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.ports.telephony import CallDocuments
from vault.telephony.call_documents import remove_invalid_characters
from vault.telephony.providers.vonage.ncco import LANGUAGES, NccoDocuments

FLOW: CallDocuments = NccoDocuments()
FACTS = CallFacts(call_ref=CALL, caller="+12025550100", callee="+442079460000")
MODELS = {
    "talk": ncco.Talk,
    "stream": ncco.Stream,
    "input": ncco.Input,
    "record": ncco.Record,
    "notify": ncco.Notify,
}
TALK: dict[str, Any] = {"action": "talk", "text": "This call is recorded.", "language": "en-GB"}
GERMAN = {"action": "talk", "text": "Dieses Gespräch wird aufgezeichnet.", "language": "de-DE"}
PROMPT = {"action": "talk", "text": "Press 1 to decline.", "language": "en-US", "bargeIn": True}
STREAM: dict[str, Any] = {"action": "stream", "streamUrl": [AUDIO]}
RECORD = {
    "action": "record",
    "format": "wav",
    "split": "conversation",
    "channels": 2,
    "eventUrl": [STATUS],
    "eventMethod": "POST",
}
GO = {"action": "notify", "payload": {"next": "ncco"}, "eventUrl": [HEARD], "eventMethod": "POST"}
EXPECTED: dict[str, list[dict[str, Any]]] = {
    "announce, record and go on": [TALK, RECORD, GO],
    "announce with audio": [STREAM, GO],
    "ask, record and go on": [
        PROMPT,
        {
            "action": "input",
            "type": ["dtmf"],
            "dtmf": {"maxDigits": 1, "timeOut": 5},
            "eventUrl": [KEY],
            "eventMethod": "POST",
        },
    ],
    "ask with audio and patience": [
        {**STREAM, "bargeIn": True},
        {
            "action": "input",
            "type": ["dtmf"],
            "dtmf": {"maxDigits": 1, "timeOut": 9},
            "eventUrl": [KEY],
            "eventMethod": "POST",
        },
    ],
    "two languages": [TALK, GERMAN, RECORD],
    "go on without a word": [GO],
    "nothing": [],
}


def read(script: CallFlow) -> list[dict[str, Any]]:
    """Return the actions, each of which is, whole, one of the vendor's models."""
    document = FLOW.document(script)
    assert document.media_type == "application/json"
    actions: list[dict[str, Any]] = json.loads(document.body)
    for action in actions:
        model = MODELS[action["action"]](**action)
        assert model.model_dump(mode="json", by_alias=True, exclude_none=True) == action
    return actions


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_document_is_these_actions(name: str) -> None:
    """All of them pass the vendor's models, which lose and add nothing."""
    assert read(SCRIPTS[name]) == EXPECTED[name]


def test_a_document_is_these_bytes() -> None:
    """UTF-8 without escapes, as people can read it."""
    assert FLOW.document((Play(text="Gespräch", language="de"),)).body == (
        b'[{"action": "talk", "text": "Gespr\xc3\xa4ch", "language": "de-DE"}]'
    )


def test_nothing_stands_behind_a_question() -> None:
    """Vonage always asks for the answer; what stood behind would be for the answer that was lost."""
    ask = Gather(prompt=Play(text="?", language="en"), answer_url=KEY)
    record = Record(status_url=STATUS)
    actions = read((record, ask, record, Redirect(url=HEARD)))
    assert [action["action"] for action in actions] == ["record", "talk", "input"]


@pytest.mark.parametrize("name", [*HOSTILE, *LONG])
def test_any_text_is_spoken_whole(name: str) -> None:
    """At most 1,500 characters in one request, and no text is taken for markup."""
    text = {**HOSTILE, **LONG}[name]
    actions = read((Play(text=text, language="en"),))
    assert {action["action"] for action in actions} == {"talk"}
    said = [action["text"] for action in actions]
    assert all(0 < len(part) <= 1500 and "<" not in part and ">" not in part for part in said)
    kept = remove_invalid_characters(text).replace("<", " ").replace(">", " ")
    assert "".join("".join(said).split()) == "".join(kept.split())


def test_every_piece_of_a_prompt_may_be_ended_by_a_key() -> None:
    """What lets a key through must be followed by an input, with nothing but talk between."""
    actions = read((Gather(prompt=Play(text=LONG["words"], language="en"), answer_url=KEY),))
    assert [action["action"] for action in actions] == [*["talk"] * (len(actions) - 1), "input"]
    assert all(action["bargeIn"] is True for action in actions[:-1])


@given(text=st.text(st.characters(exclude_categories=())), url=st.text(st.characters(exclude_categories=())))
def test_any_text_and_any_url_make_a_document(text: str, url: str) -> None:
    """What is written can be read again."""
    script = (
        Play(text=text, language="en"),
        Redirect(url=url),
        Gather(prompt=Play(text=text, language="en"), answer_url=url),
    )
    actions = read(script)
    assert [action["eventUrl"] for action in actions if "eventUrl" in action] == [
        [remove_invalid_characters(url)]
    ] * 2


@pytest.mark.parametrize(("seconds", "time_out"), [(-1, 1), (1, 1), (10, 10), (11, 10)])
def test_a_question_waits_as_long_as_vonage_can(seconds: int, time_out: int) -> None:
    """TimeOut is at most 10 seconds."""
    ask = Gather(prompt=Play(text="?", language="en"), answer_url=KEY, seconds=seconds)
    assert read((ask,))[-1]["dtmf"]["timeOut"] == time_out


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de-AT", "de-AT"),
        ("de-CH", "de-DE"),
        ("zh", "cmn-CN"),
        ("zh-TW", "cmn-TW"),
        ("ar-EG", "ar"),
        ("no", "nb-NO"),
        ("mt", None),
        ("x", None),
    ],
)
def test_a_notice_is_spoken_in_a_language_that_vonage_has(tag: str, language: str | None) -> None:
    """Another region of it, before none at all."""
    assert read((Play(text="x", language=tag),))[0].get("language") == language
    assert language is None or language in LANGUAGES


@pytest.mark.parametrize(
    ("name", "changes", "step"),
    [
        ("answer", {}, CallStep(facts=FACTS)),
        ("answer", {"from": None, "from_user": "Jane"}, CallStep(facts=replace(FACTS, caller="Jane"))),
        ("notify", {}, CallStep(facts=CallFacts(call_ref=CALL))),
        ("input", {}, CallStep(facts=FACTS, key="2")),
        ("input", {"dtmf": {"digits": "", "timed_out": True}}, CallStep(facts=FACTS)),
        ("input", {"dtmf": {"digits": None, "timed_out": False}}, CallStep(facts=FACTS)),
        ("input", {"dtmf": {"digits": "#", "timed_out": True}}, CallStep(facts=FACTS, key="#")),
        ("input", {"dtmf": None}, CallStep(facts=FACTS)),
        ("input", {"dtmf": "4", "timed_out": False}, CallStep(facts=FACTS, key="4")),
    ],
)
def test_a_request_says_which_call_and_which_key(
    name: str, changes: Mapping[str, object], step: CallStep
) -> None:
    """The call is the conversation; whether time ran out says nothing that the keys do not."""
    assert FLOW.step(delivery({**load(name), **changes})) == step


def test_a_request_has_the_name_of_its_recordings_call() -> None:
    """So evidence finds the recording."""
    recorded = PROVIDER.understand(delivery(load("record")))
    assert recorded is not None
    assert FLOW.step(delivery(load("answer"))).facts.call_ref == recorded.facts.call_ref


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("answer_get", CallStep(facts=FACTS)),
        ("input_get", CallStep(facts=FACTS, key="3")),
    ],
)
def test_a_request_may_come_by_get(name: str, step: CallStep) -> None:
    """As Vonage asks unless the application says POST; an object is then written as text."""
    assert FLOW.step(delivery(b"", method="GET", url=f"{URL}/call?{query(name)}")) == step


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("conversation_uuid", None),
        ("conversation_uuid", 7),
        ("conversation_uuid", "x" * 201),
        ("from", ["12025550100"]),
        ("to", 442079460000),
        ("dtmf", {"digits": "12"}),
        ("dtmf", {"digits": 1}),
        ("dtmf", "{"),
        ("dtmf", ["1"]),
        ("dtmf", "\ud800"),
    ],
)
def test_what_cannot_be_meant_is_invalid(field: str, wrong: object) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        FLOW.step(delivery({**load("input"), field: wrong}))
    assert error.value.field == field


@pytest.mark.parametrize("name", ["answer", "input", "notify"])
def test_every_malformed_request_is_a_step_or_invalid(name: str) -> None:
    """Each part left out, and replaced by each thing that it is not."""
    seen = [
        asked_or_invalid(lambda event=event: FLOW.step(delivery(event))) is None
        for event in malformed(load(name))
    ]
    assert any(seen)
    assert not all(seen)


@given(body=st.binary(max_size=300), method=st.sampled_from(["GET", "POST", "PUT"]), tail=st.text())
def test_any_request_is_a_step_or_invalid(body: bytes, method: str, tail: str) -> None:
    """Whatever came, nothing but Invalid is raised."""
    asked = Delivery(method=method, url=URL + tail, headers={}, body=body, received_at=NOW)
    asked_or_invalid(lambda: FLOW.step(asked))


@given(
    dtmf=st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_any_keys_are_a_step_or_invalid(dtmf: object) -> None:
    """Whatever stands where the keys should."""
    asked_or_invalid(lambda: FLOW.step(delivery({**load("input"), "dtmf": dtmf})))


def test_the_flow_is_the_providers() -> None:
    """The adapter hands out this flow."""
    assert PROVIDER.call_documents == FLOW
