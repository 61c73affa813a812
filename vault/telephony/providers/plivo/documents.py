"""Plivo's XML: notices, one keypress and recordings of a whole call.

``<GetInput>`` asks for the key; where none is pressed in time, Plivo goes on with the element behind it.
``<Record recordSession>`` records both parties in the background until the call ends, whatever document
follows; without maxLength it would stop after a minute. Sources: plivo.com/docs/voice/xml, pages input
(GetInput), record, audio-output (Speak, and the languages it lists) and call routing (Redirect).
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.domain.calls.webhook import Delivery
from vault.telephony.call_documents.text_to_speech import language_of, pieces
from vault.telephony.call_documents.xml import add, written
from vault.telephony.providers.plivo.callbacks import asked

#: Callback options: five retries, whatever went wrong. Without them a 5xx is not repeated.
OVERRIDES = "#rc=5&rp=all"
#: What executionTimeout allows; it counts from the end of the prompt.
SECONDS = (5, 60)
RECORDING = {
    "recordSession": "true",
    "redirect": "false",
    "fileFormat": "wav",
    "recordChannelType": "stereo",
    # Four hours, as Plivo limits calls that set no limit of their own.
    "maxLength": "14400",
    "callbackMethod": "POST",
}
LANGUAGES = frozenset(
    "da-DK de-DE en-AU en-GB en-US es-ES es-US fr-CA fr-FR it-IT nl-NL pl-PL pt-BR pt-PT ru-RU sv-SE".split()  # noqa: SIM905 - words
)


@dataclass(frozen=True, slots=True)
class PlivoDocuments:
    """The port CallDocuments in Plivo's XML."""

    def step(self, delivery: Delivery) -> CallStep:
        """Return what an authentic request for a document says. Raises Invalid, naming the field."""
        return asked(delivery)

    def document(self, flow: CallFlow) -> Document:
        """Return the call flow as Plivo reads it."""
        response = Element("Response")
        for step in flow:
            match step:
                case Play():
                    _play(response, step)
                case Gather():
                    _ask(response, step)
                case Record():
                    # Whoever chose a fragment chose how often Plivo repeats itself.
                    overrides = "" if "#" in step.status_url else OVERRIDES
                    add(response, "Record", {**RECORDING, "callbackUrl": step.status_url + overrides})
                case Redirect():
                    add(response, "Redirect", {"method": "POST"}, step.url)
        return written(response)


def _play(parent: Element, step: Play) -> None:
    if step.audio_url is not None:
        add(parent, "Play", {}, step.audio_url)
        return
    language = language_of(step.language, LANGUAGES)
    for piece in pieces(step.text):
        add(parent, "Speak", {} if language is None else {"language": language}, piece)


def _ask(response: Element, step: Gather) -> None:
    least, most = SECONDS
    attributes = {
        "action": step.answer_url,
        "method": "POST",
        "inputType": "dtmf",
        "executionTimeout": str(min(max(step.seconds, least), most)),
        "numDigits": "1",
        # Usually # ends the input and is no key itself.
        "finishOnKey": "none",
    }
    _play(add(response, "GetInput", attributes), step.prompt)
