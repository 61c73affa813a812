"""Parses Plivo's XML like Plivo: an unknown element or attribute is an error.

Sources: plivo.com/docs/voice/xml, pages input (GetInput), record, audio-output and call routing (Redirect).
"""

from xml.etree.ElementTree import Element

from vault.errors import Invalid
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait
from vault.simulator.twiml import by_post, parsed, required, words

_KNOWN = {
    "Speak": {"voice", "language", "loop"},
    "Play": {"loop"},
    "GetInput": {
        "action",
        "method",
        "inputType",
        "executionTimeout",
        "digitEndTimeout",
        "numDigits",
        "finishOnKey",
        "redirect",
    },
    "Record": {
        "recordSession",
        "redirect",
        "fileFormat",
        "recordChannelType",
        "maxLength",
        "callbackUrl",
        "callbackMethod",
    },
    "Redirect": {"method"},
}
#: Plivo's default of maxLength, in seconds.
_SHORT = 60


def read_plivo(document: bytes, *, seconds: int) -> list[Instruction]:
    """Parse the document to instructions for a call of ``seconds``. Raises Invalid."""
    response = parsed(document)
    if response.tag != "Response":
        raise Invalid("The document's root element must be <Response>.")
    instructions: list[Instruction] = []
    for element in response:
        instructions.append(_instruction(element, seconds))
        if isinstance(instructions[-1], Follow):
            break
    return instructions


def _instruction(element: Element, seconds: int) -> Instruction:
    _check(element)
    match element.tag:
        case "Speak" | "Play":
            return _prompt(element)
        case "GetInput":
            return _input(element)
        case "Record":
            return _record(element, seconds)
    by_post(element.get("method", "POST"))
    return Follow(words(element))


def _input(element: Element) -> Wait:
    by_post(element.get("method", "POST"))
    if element.get("inputType") != "dtmf" or element.get("numDigits") != "1":
        raise Invalid("<GetInput> must have inputType dtmf and numDigits 1.")
    for prompt in element:
        _check(prompt)
    return Wait(tuple(_prompt(prompt) for prompt in element), required(element, "action"))


def _record(element: Element, seconds: int) -> Begin:
    if element.get("recordSession") != "true":
        raise Invalid(
            "<Record> must have recordSession: without it Plivo waits for its end, and records only the caller."
        )
    if int(element.get("maxLength", _SHORT)) < seconds:
        raise Invalid("maxLength is too short: the recording would end before the call.")
    by_post(element.get("callbackMethod", "POST"))
    return Begin(required(element, "callbackUrl"))


def _prompt(element: Element) -> Speak | Sound:
    if element.tag not in {"Speak", "Play"}:
        raise Invalid(f"<{element.tag}> is not a prompt.")
    return Sound(words(element)) if element.tag == "Play" else Speak(words(element))


def _check(element: Element) -> None:
    attributes = _KNOWN.get(element.tag)
    if attributes is None:
        raise Invalid(f"Plivo does not support <{element.tag}>.")
    if unknown := set(element.attrib) - attributes:
        raise Invalid(f"Plivo does not support these attributes of <{element.tag}>: {sorted(unknown)}.")
