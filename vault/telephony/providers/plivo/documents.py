"""Plivo's XML: notices, one keypress and recordings of a whole call.

``<GetInput>`` asks for the key; if none is pressed in time, Plivo continues with the next element.
``<Record recordSession>`` records both parties in the background until the call ends, also across later
documents; without maxLength it would stop after a minute. Sources: plivo.com/docs/voice/xml, pages input
(GetInput), record, audio-output (Speak, and the languages it lists) and call routing (Redirect).
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.telephony.call_documents import add_element, language_of, split_text, write_document
from vault.telephony.providers.plivo.callbacks import parse_document_request

#: Callback options: five retries after any failure. Without them Plivo does not retry a 5xx.
OVERRIDES = "#rc=5&rp=all"
#: Minimum and maximum of executionTimeout in seconds; it counts from the end of the prompt.
SECONDS = (5, 60)
RECORDING = {
    "recordSession": "true",
    "redirect": "false",
    "fileFormat": "wav",
    "recordChannelType": "stereo",
    # Four hours: Plivo's default limit of a call.
    "maxLength": "14400",
    "callbackMethod": "POST",
}
LANGUAGES = frozenset(
    "da-DK de-DE en-AU en-GB en-US es-ES es-US fr-CA fr-FR it-IT nl-NL pl-PL pt-BR pt-PT ru-RU sv-SE".split()  # noqa: SIM905 - words
)


@dataclass(frozen=True, slots=True)
class PlivoDocuments:
    """The port CallDocuments for Plivo's XML."""

    def step(self, delivery: Delivery) -> CallStep:
        """Parse an authenticated request for a document. Raises Invalid, naming the field."""
        return parse_document_request(delivery)

    def document(self, flow: CallFlow) -> Document:
        """Write the call flow as Plivo's XML."""
        response = Element("Response")
        for step in flow:
            match step:
                case Play():
                    _play(response, step)
                case Gather():
                    _ask(response, step)
                case Record():
                    # A fragment in the URL already sets Plivo's retries.
                    overrides = "" if "#" in step.status_url else OVERRIDES
                    add_element(response, "Record", {**RECORDING, "callbackUrl": step.status_url + overrides})
                case Redirect():
                    add_element(response, "Redirect", {"method": "POST"}, step.url)
        return write_document(response)


def _play(parent: Element, step: Play) -> None:
    if step.audio_url is not None:
        add_element(parent, "Play", {}, step.audio_url)
        return
    language = language_of(step.language, LANGUAGES)
    for piece in split_text(step.text):
        add_element(parent, "Speak", {} if language is None else {"language": language}, piece)


def _ask(response: Element, step: Gather) -> None:
    least, most = SECONDS
    attributes = {
        "action": step.answer_url,
        "method": "POST",
        "inputType": "dtmf",
        "executionTimeout": str(min(max(step.seconds, least), most)),
        "numDigits": "1",
        # By default # ends the input and is not reported as a key.
        "finishOnKey": "none",
    }
    _play(add_element(response, "GetInput", attributes), step.prompt)
