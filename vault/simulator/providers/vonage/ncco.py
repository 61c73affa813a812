"""Parses NCCOs like Vonage: a JSON list of actions; every ``input`` is reported, with or without a keypress.

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
#: With any of these options a recording blocks the next actions.
_BLOCKING = {"endOnSilence", "endOnKey", "timeOut"}

Action = Mapping[str, Any]


def read_ncco(document: bytes) -> list[Instruction]:
    """Parse an NCCO to instructions. Raises Invalid."""
    try:
        actions = json.loads(document)
    except ValueError as error:
        raise Invalid("The NCCO is not JSON.") from error
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise Invalid("The NCCO must be a list of actions.")
    instructions: list[Instruction] = []
    prompts: list[Speak | Sound] = []
    for action in actions:
        _check(action)
        if action["action"] in {"talk", "stream"} and action.get("bargeIn"):
            # A keypress ends it and goes to the next input.
            prompts.append(_prompt(action))
            continue
        if prompts and action["action"] != "input":
            raise Invalid("An input must follow an action with bargeIn.")
        instructions.append(_instruction(action, prompts))
        if isinstance(instructions[-1], Wait | Follow):
            return instructions
    if prompts:
        raise Invalid("An input must follow an action with bargeIn.")
    return instructions


def _instruction(action: Action, prompts: Sequence[Speak | Sound]) -> Instruction:
    match action["action"]:
        case "talk" | "stream":
            return _prompt(action)
        case "input":
            if action.get("type") != ["dtmf"] or action.get("dtmf", {}).get("maxDigits") != 1:
                raise Invalid("An input must have the type dtmf and maxDigits 1.")
            return Wait(tuple(prompts), _event_url(action), always=True)
        case "record":
            if _BLOCKING & set(action):
                raise Invalid(
                    f"A record must not have {sorted(_BLOCKING & set(action))}: it would block the call."
                )
            return Begin(_event_url(action))
    if not isinstance(action.get("payload"), dict):
        raise Invalid("A notify must have a payload.")
    return Follow(_event_url(action), action["payload"])


def _prompt(action: Action) -> Speak | Sound:
    if action["action"] == "talk":
        return Speak(_text(action.get("text")))
    urls = action.get("streamUrl")
    if not isinstance(urls, list) or len(urls) != 1:
        raise Invalid("streamUrl must be a list of one URL.")
    return Sound(_text(urls[0]))


def _event_url(action: Action) -> str:
    by_post(action.get("eventMethod", "POST"))
    urls = action.get("eventUrl")
    if not isinstance(urls, list) or len(urls) != 1:
        raise Invalid("eventUrl must be a list of one URL.")
    return _text(urls[0])


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid("A text or a URL is missing.")
    return value


def _check(action: Action) -> None:
    known = _KNOWN.get(str(action.get("action")))
    if known is None:
        raise Invalid(f"Vonage does not support the action {action.get('action')}.")
    if unknown := set(action) - known - {"action"}:
        raise Invalid(f"Vonage does not support these options of {action['action']}: {sorted(unknown)}.")
