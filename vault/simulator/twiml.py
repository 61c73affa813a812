"""Reading TwiML, and what SignalWire and Telnyx made of it, as these platforms read it.

What a dialect does not know is an error here. Twilio would warn, Telnyx says nothing, SignalWire ends the call:
none of them would do what the document's author meant. Sources: twilio.com/docs/voice/twiml (gather, recording,
redirect, say, play), developer.signalwire.com/compatibility-api/cxml/voice, developers.telnyx.com, TeXML verbs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from vault.errors import Invalid
from vault.simulator.instructions import Begin, Follow, Instruction, Sound, Speak, Wait

#: The names of attributes that an element may have.
Known = Mapping[str, frozenset[str]]
_RECORDING = frozenset(
    {
        "channels",
        "track",
        "recordingStatusCallback",
        "recordingStatusCallbackMethod",
        "recordingStatusCallbackEvent",
    }
)
_GATHER = frozenset({"action", "numDigits", "timeout", "finishOnKey", "input"})
_SPOKEN = {"Say": frozenset({"voice", "language", "loop"}), "Play": frozenset({"loop"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one platform knows, and the values that it gives to what is left out."""

    known: Known
    #: How ``<Gather>`` asks where no method is said.
    gathers_by: str = "POST"

    def read(self, document: bytes) -> list[Instruction]:
        """Return what the document makes the platform do. Raises Invalid."""
        response = parsed(document)
        if response.tag != "Response":
            raise Invalid("The document is no Response.")
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
        raise Invalid(f"<{verb.tag}> stands where it cannot.")

    def _gather(self, verb: Element) -> Wait:
        by_post(verb.get("method", self.gathers_by))
        if verb.get("numDigits") != "1":
            raise Invalid("One key is waited for, not several.")
        for prompt in verb:
            self._check(prompt)
        return Wait(tuple(_prompt(prompt) for prompt in verb), required(verb, "action"))

    def _recording(self, verb: Element) -> Begin:
        if [noun.tag for noun in verb] != ["Recording"]:
            raise Invalid("<Start> begins one recording here.")
        recording = verb[0]
        self._check(recording)
        by_post(recording.get("recordingStatusCallbackMethod", "POST"))
        if "completed" not in recording.get("recordingStatusCallbackEvent", "completed").split():
            raise Invalid("Nobody would be told that the recording is ready.")
        return Begin(required(recording, "recordingStatusCallback"))

    def _check(self, element: Element) -> None:
        attributes = self.known.get(element.tag)
        if attributes is None:
            raise Invalid(f"<{element.tag}> is not known to this platform.")
        if unknown := set(element.attrib) - attributes:
            raise Invalid(
                f"<{element.tag}> has attributes that this platform does not know: {sorted(unknown)}."
            )


TWILIO = Dialect(
    known={
        **_SPOKEN,
        "Gather": _GATHER | {"method"},
        "Start": frozenset(),
        "Recording": _RECORDING | {"trim"},
        "Redirect": frozenset({"method"}),
    }
)
#: cXML can begin no recording in the background.
SIGNALWIRE = Dialect(known={**_SPOKEN, "Gather": _GATHER | {"method"}, "Redirect": frozenset({"method"})})
#: TeXML's <Gather> asks as its application is set, which is by POST here.
TELNYX = Dialect(
    known={
        **_SPOKEN,
        "Gather": _GATHER,
        "Start": frozenset(),
        "Recording": _RECORDING | {"trim", "format"},
        "Redirect": frozenset({"method"}),
    }
)


def parsed(document: bytes) -> Element:
    """Return the root of an XML document. Raises Invalid."""
    try:
        return fromstring(document)  # noqa: S314 - of the vault that is tried out
    except ParseError as error:
        raise Invalid("The document is no XML.") from error


def words(element: Element) -> str:
    """Return the text of an element. Raises Invalid where there is none."""
    text = (element.text or "").strip()
    if not text or len(element):
        raise Invalid(f"<{element.tag}> holds a text and nothing else.")
    return text


def required(element: Element, name: str) -> str:
    """Return an attribute. Raises Invalid where it is not there."""
    value = element.get(name)
    if not value:
        raise Invalid(f"<{element.tag}> needs the attribute {name}.")
    return value


def by_post(method: str) -> None:
    """Raise Invalid for a request whose signature the vault could not believe."""
    if method != "POST":
        raise Invalid(f"The vault is asked by POST, not by {method}.")


def _prompt(element: Element) -> Speak | Sound:
    if element.tag not in {"Say", "Play"}:
        raise Invalid(f"<{element.tag}> cannot be heard.")
    return Sound(words(element)) if element.tag == "Play" else Speak(words(element))
