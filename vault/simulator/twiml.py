"""Parses TwiML and its variants by SignalWire and Telnyx, like these platforms.

Unknown elements and attributes are errors here. Twilio warns, Telnyx ignores them silently, SignalWire ends the call:
none does what the document's author intended. Sources: twilio.com/docs/voice/twiml (gather, recording,
redirect, say, play), developer.signalwire.com/compatibility-api/cxml/voice, developers.telnyx.com, TeXML verbs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from vault.errors import Invalid
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait

#: Allowed elements, each with its allowed attributes.
Known = Mapping[str, frozenset[str]]
#: The attributes of ``<Recording>`` and ``<Gather>``, and the spoken elements, in every variant.
RECORDING = frozenset(
    {
        "channels",
        "track",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
    }
)
GATHER = frozenset({"action", "numDigits", "timeout", "finishOnKey", "input"})
SPOKEN = {"Say": frozenset({"voice", "language", "loop"}), "Play": frozenset({"loop"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One platform's variant of TwiML: its elements and attributes, and its defaults."""

    known: Known
    #: The default method of ``<Gather>``.
    gathers_by: str = "POST"

    def read(self, document: bytes) -> list[Instruction]:
        """Parse a document to instructions. Raises Invalid."""
        response = parsed(document)
        if response.tag != "Response":
            raise Invalid("The document's root element must be <Response>.")
        instructions: list[Instruction] = []
        for verb in response:
            self._check(verb)
            instructions.append(self._instruction(verb))
            if isinstance(instructions[-1], Follow):
                break
        return instructions

    def _instruction(self, verb: Element) -> Instruction:
        match verb.tag:
            case "Say" | "Play":
                return _prompt(verb)
            case "Gather":
                return self._gather(verb)
            case "Start":
                return self._recording(verb)
            case "Redirect":
                by_post(verb.get("method", "POST"))
                return Follow(words(verb))
        raise Invalid(f"<{verb.tag}> is not allowed here.")

    def _gather(self, verb: Element) -> Wait:
        by_post(verb.get("method", self.gathers_by))
        if verb.get("numDigits") != "1":
            raise Invalid("<Gather> must have numDigits 1.")
        for prompt in verb:
            self._check(prompt)
        return Wait(tuple(_prompt(prompt) for prompt in verb), required(verb, "action"))

    def _recording(self, verb: Element) -> Begin:
        if [noun.tag for noun in verb] != ["Recording"]:
            raise Invalid("<Start> must contain exactly one <Recording>.")
        recording = verb[0]
        self._check(recording)
        by_post(recording.get("recordingStatusCallbackMethod", "POST"))
        if "completed" not in recording.get("recordingStatusCallbackEvent", "completed").split():
            raise Invalid("recordingStatusCallbackEvent must contain completed.")
        return Begin(required(recording, "recordingStatusCallback"))

    def _check(self, element: Element) -> None:
        attributes = self.known.get(element.tag)
        if attributes is None:
            raise Invalid(f"This platform does not support <{element.tag}>.")
        if unknown := set(element.attrib) - attributes:
            raise Invalid(
                f"This platform does not support these attributes of <{element.tag}>: {sorted(unknown)}."
            )


def parsed(document: bytes) -> Element:
    """Parse an XML document and return its root element. Raises Invalid."""
    try:
        return fromstring(document)  # noqa: S314 - from the tested vault
    except ParseError as error:
        raise Invalid("The document is not XML.") from error


def words(element: Element) -> str:
    """Return the text of an element. Raises Invalid if there is none."""
    text = (element.text or "").strip()
    if not text or len(element):
        raise Invalid(f"<{element.tag}> must contain text and no elements.")
    return text


def required(element: Element, name: str) -> str:
    """Return an attribute. Raises Invalid if it is missing."""
    value = element.get(name)
    if not value:
        raise Invalid(f"<{element.tag}> must have the attribute {name}.")
    return value


def by_post(method: str) -> None:
    """Raise Invalid unless the method is POST: some platforms do not sign the query of a GET."""
    if method != "POST":
        raise Invalid(f"The method must be POST, not {method}.")


def _prompt(element: Element) -> Speak | Sound:
    if element.tag not in {"Say", "Play"}:
        raise Invalid(f"<{element.tag}> is not a prompt.")
    return Sound(words(element)) if element.tag == "Play" else Speak(words(element))
