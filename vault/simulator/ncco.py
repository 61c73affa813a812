"""Reading NCCOs as Vonage reads them: a list of actions in JSON, and every ``input`` is reported, pressed or not.

Source: developer.vonage.com/en/voice/voice-api/ncco-reference.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vault.errors import Invalid
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait
from vault.simulator.twiml import by_post

_KNOWN = {
    "talk": {"text", "bargeIn", "loop", "level", "language", "style", "premium"},
    "stream": {"streamUrl", "level", "bargeIn", "loop"},
    "input": {"type", "dtmf", "speech", "eventUrl", "eventMethod", "mode"},
    "record": {
        "format",
        "split",
        "channels",
        "endOnSilence",
        "endOnKey",
        "timeOut",
        "beepStart",
        "eventUrl",
        "eventMethod",
    },
    "notify": {"payload", "eventUrl", "eventMethod"},
}
#: Any of these makes a recording block what stands behind it.
_BLOCKING = {"endOnSilence", "endOnKey", "timeOut"}

Action = Mapping[str, Any]


def read_ncco(document: bytes) -> list[Instruction]:
    """Return what the NCCO makes Vonage do. Raises Invalid."""
    try:
        actions = json.loads(document)
    except ValueError as error:
        raise Invalid("The NCCO is no JSON.") from error
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise Invalid("An NCCO is a list of actions.")
    instructions: list[Instruction] = []
    prompts: list[Speak | Sound] = []
    for action in actions:
        _check(action)
        if action["action"] in {"talk", "stream"} and action.get("bargeIn"):
            # A key ends it, and is heard by the input that follows.
            prompts.append(_prompt(action))
            continue
        if prompts and action["action"] != "input":
            raise Invalid("After bargeIn an input must follow.")
        instructions.append(_instruction(action, prompts))
        if isinstance(instructions[-1], Wait | Follow):
            return instructions
    if prompts:
        raise Invalid("After bargeIn an input must follow.")
    return instructions


def _instruction(action: Action, prompts: Sequence[Speak | Sound]) -> Instruction:
    match action["action"]:
        case "talk" | "stream":
            return _prompt(action)
        case "input":
            if action.get("type") != ["dtmf"] or action.get("dtmf", {}).get("maxDigits") != 1:
                raise Invalid("One key is waited for, and no speech.")
            return Wait(tuple(prompts), _event_url(action), always=True)
        case "record":
            if _BLOCKING & set(action):
                raise Invalid("This recording would keep the call from going on.")
            return Begin(_event_url(action))
    if not isinstance(action.get("payload"), dict):
        raise Invalid("A notify has a payload.")
    return Follow(_event_url(action), action["payload"])


def _prompt(action: Action) -> Speak | Sound:
    if action["action"] == "talk":
        return Speak(_text(action.get("text")))
    urls = action.get("streamUrl")
    if not isinstance(urls, list) or len(urls) != 1:
        raise Invalid("A stream has one URL, in a list.")
    return Sound(_text(urls[0]))


def _event_url(action: Action) -> str:
    by_post(action.get("eventMethod", "POST"))
    urls = action.get("eventUrl")
    if not isinstance(urls, list) or len(urls) != 1:
        raise Invalid("eventUrl is one URL, in a list.")
    return _text(urls[0])


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid("A text or a URL is missing.")
    return value


def _check(action: Action) -> None:
    known = _KNOWN.get(str(action.get("action")))
    if known is None:
        raise Invalid(f"The action {action.get('action')} is not known to Vonage.")
    if unknown := set(action) - known - {"action"}:
        raise Invalid(f"{action['action']} has options that Vonage does not know: {sorted(unknown)}.")
