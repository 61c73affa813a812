"""Documents are read as the platforms read them: what they do not know, or do otherwise than meant, is an error."""

from collections.abc import Callable

import pytest

from tests.simulator.scene import BASE, HOOK, a_call
from vault.errors import Invalid
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait
from vault.simulator.registry import STEERED

NEXT, KEY, HEARD, WAV = "https://app.example/next", f"{HOOK}/key", f"{HOOK}/heard", "https://v.example/a.wav"
#: TwiML's elements, as every dialect but SignalWire's has them.
RECORDING = f'<Start><Recording channels="dual" recordingStatusCallback="{HOOK}"/></Start>'
GATHER = f'<Gather action="{KEY}" numDigits="1" timeout="5"><Say>Press 9.</Say><Play>{WAV}</Play></Gather>'
GO = f'<Redirect method="POST">{NEXT}</Redirect>'
INPUT = f'<GetInput action="{KEY}" inputType="dtmf" numDigits="1"><Speak>Press 9.</Speak></GetInput>'
RECORD = f'<Record recordSession="true" redirect="false" maxLength="14400" callbackUrl="{HOOK}"/>'
TALK, BARGE = '{"action": "talk", "text": "Hi."}', '{"action": "talk", "text": "Press 9.", "bargeIn": true}'
STREAM = f'{{"action": "stream", "streamUrl": ["{WAV}"]}}'
DTMF = f'{{"action": "input", "type": ["dtmf"], "dtmf": {{"maxDigits": 1}}, "eventUrl": ["{KEY}"]}}'
TAPE = f'{{"action": "record", "format": "wav", "eventUrl": ["{HOOK}"], "eventMethod": "POST"}}'
NOTIFY = f'{{"action": "notify", "payload": {{"next": "ncco"}}, "eventUrl": ["{NEXT}"]}}'


def xml(*elements: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{"".join(elements)}</Response>'


def ncco(*actions: str) -> str:
    return f"[{', '.join(actions)}]"


def reader(name: str) -> Callable[[str], list[Instruction]]:
    """Return what reads a document for a platform, of a call of 35 seconds."""
    provider = STEERED[name](BASE)
    call = a_call(provider)
    return lambda document: list(provider.read(document.encode(), call))


WAITS = Wait((Speak("Press 9."), Sound(WAV)), KEY)


@pytest.mark.parametrize(
    ("name", "document", "instructions"),
    [
        ("twilio", xml("<Say>Hi.</Say>", RECORDING, GO), [Speak("Hi."), Begin(HOOK), Follow(NEXT)]),
        ("telnyx", xml(f"<Play>{WAV}</Play>", RECORDING, GO), [Sound(WAV), Begin(HOOK), Follow(NEXT)]),
        ("twilio", xml(GATHER, GO), [WAITS, Follow(NEXT)]),
        ("telnyx", xml(GATHER, GO), [WAITS, Follow(NEXT)]),
        ("signalwire", xml(GATHER, GO), [WAITS, Follow(NEXT)]),
        ("plivo", xml(INPUT, GO), [Wait((Speak("Press 9."),), KEY), Follow(NEXT)]),
        ("plivo", xml(f"<Play>{WAV}</Play>", RECORD, GO), [Sound(WAV), Begin(HOOK), Follow(NEXT)]),
        ("vonage", ncco(TALK, TAPE, NOTIFY), [Speak("Hi."), Begin(HOOK), Follow(NEXT, {"next": "ncco"})]),
        ("vonage", ncco(STREAM, NOTIFY), [Sound(WAV), Follow(NEXT, {"next": "ncco"})]),
        ("vonage", ncco(BARGE, DTMF, TAPE), [Wait((Speak("Press 9."),), KEY, always=True)]),
        ("twilio", xml(GO, RECORDING), [Follow(NEXT)]),
        ("plivo", xml(GO, RECORD), [Follow(NEXT)]),
        ("vonage", ncco(NOTIFY, TAPE), [Follow(NEXT, {"next": "ncco"})]),
        ("twilio", xml(), []),
        ("vonage", ncco(), []),
    ],
)  # fmt: skip
def test_a_document_is_followed_in_its_order(
    name: str, document: str, instructions: list[Instruction]
) -> None:
    """What stands behind a redirect is not reached, and an NCCO's input is reported pressed or not."""
    assert reader(name)(document) == instructions


WRONG = {
    "twilio": [
        "",
        "<Response>",
        "<Say>Hi.</Say>",
        xml("<Dial>+14155550100</Dial>"),
        xml("<Say/>"),
        xml("<Say>Hi. <b>you</b></Say>"),
        xml('<Say voice="alice" style="kind">Hi.</Say>'),
        xml('<Recording recordingStatusCallback="x"/>'),
        xml("<Start/>"),
        xml("<Start><Recording/></Start>"),
        xml(RECORDING.replace("recordingStatusCallback=", "statusCallback=")),
        xml(RECORDING.replace("<Recording", '<Recording recordingStatusCallbackEvent="absent"')),
        xml(RECORDING.replace("<Recording", '<Recording recordingStatusCallbackMethod="GET"')),
        xml(GO.replace("POST", "GET")),
        xml(GATHER.replace("<Gather", '<Gather method="GET"')),
        xml(GATHER.replace('numDigits="1"', "")),
        xml(GATHER.replace("action", "url")),
        xml(GATHER.replace("<Say>Press 9.</Say>", GO)),
    ],
    "signalwire": [xml(RECORDING, GO), xml(GATHER.replace("<Gather", '<Gather barge="1"'))],
    "telnyx": [
        xml(GATHER.replace("<Gather", '<Gather method="POST"')),
        xml(RECORDING.replace("channels", "beep")),
    ],
    "plivo": [
        xml("<Say>Hi.</Say>"),
        xml(RECORD.replace('recordSession="true"', "")),
        xml(RECORD.replace("14400", "34")),
        xml(RECORD.replace('maxLength="14400"', 'maxLength="20"')),
        xml(RECORD.replace("callbackUrl", "action")),
        xml(INPUT.replace('inputType="dtmf"', "")),
        xml(INPUT.replace('numDigits="1"', 'numDigits="4"')),
        xml(INPUT.replace("<GetInput", '<GetInput method="GET"')),
        xml(INPUT.replace("<Speak>Press 9.</Speak>", RECORD)),
    ],
    "vonage": [
        "",
        "{}",
        "[1]",
        ncco('{"action": "redirect"}'),
        ncco('{"text": "Hi."}'),
        ncco('{"action": "talk"}'),
        ncco('{"action": "talk", "text": "Hi.", "voice": "Amy"}'),
        ncco(BARGE, NOTIFY),
        ncco(BARGE),
        ncco(DTMF.replace('["dtmf"]', '["speech"]')),
        ncco(DTMF.replace('"maxDigits": 1', '"maxDigits": 4')),
        ncco(TAPE.replace("POST", "GET")),
        ncco(TAPE.replace('"format"', '"timeOut": 60, "format"')),
        ncco(TAPE.replace(f'["{HOOK}"]', f'"{HOOK}"')),
        ncco(NOTIFY.replace('{"next": "ncco"}', "null")),
        ncco(STREAM.replace(f'["{WAV}"]', "[]")),
    ],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, wrong in WRONG.items() for number in range(len(wrong))]
)
def test_what_a_platform_would_not_do_as_meant_is_an_error(name: str, number: int) -> None:
    """Unknown words, another method, nobody to tell, a recording that would end early or stop the call."""
    with pytest.raises(Invalid):
        reader(name)(WRONG[name][number])


def test_every_platform_that_asks_has_documents_that_it_refuses() -> None:
    """A new one has an entry in WRONG."""
    assert set(WRONG) == set(STEERED)
