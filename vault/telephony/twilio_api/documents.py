"""Call documents in TwiML and its variants: SignalWire's cXML and Telnyx's TeXML.

``<Gather>`` asks for one keypress; if none arrives in time, the platform continues with the next element. So
a call flow works the same with and without an answer. The differences between the platforms are fields of
``TwilioApiDocuments``; each platform's file names its documentation.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.errors import Invalid
from vault.telephony.call_documents import add_element, language_of, parse_key, split_text, write_document
from vault.telephony.twilio_api import events

#: Minimum and maximum timeout of ``<Gather>`` in TeXML, in seconds; the others document no limit.
SECONDS = (1, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioApiDocuments:
    """The port CallDocuments for one platform's variant of TwiML."""

    #: Attributes of ``<Recording>``; None if documents cannot start a recording: then ``Record`` is omitted.
    recording: Mapping[str, str] | None
    #: Attributes of ``<Gather>`` other than action, numDigits and timeout.
    gather: Mapping[str, str]
    #: Attributes of ``<Say>`` other than its language.
    say: Mapping[str, str]
    #: Fragment appended to the recording's callback URL, which sets the platform's retries.
    overrides: str = ""
    #: The languages of ``<Say>``; None if the platform has no complete list.
    languages: Collection[str] | None = None
    #: The format of the platform's call ids.
    refs: re.Pattern[str] = events.REF
    #: Whether the signature covers the query; if not, a GET is refused.
    signs_query: bool = True

    def step(self, delivery: Delivery) -> CallStep:
        """Parse an authenticated request for a document. Raises Invalid, naming the field."""
        if events.is_json(delivery):
            raise Invalid("The body of a request for a document must be a form.", field="body")
        if delivery.method == "GET" and not self.signs_query:
            raise Invalid("The method must be POST: the platform does not sign a query.", field="method")
        form = events.fields(delivery)
        return CallStep(
            facts=events.call_facts(form, self.refs),
            key=parse_key(events.text(form, "Digits"), field="Digits"),
        )

    def document(self, flow: CallFlow) -> Document:
        """Write the call flow as the platform's XML."""
        response = Element("Response")
        for step in flow:
            match step:
                case Play():
                    self._play(response, step)
                case Gather():
                    self._gather(response, step)
                case Record():
                    self._record(response, step)
                case Redirect():
                    add_element(response, "Redirect", {"method": "POST"}, step.url)
        return write_document(response)

    def _play(self, parent: Element, step: Play) -> None:
        if step.audio_url is not None:
            add_element(parent, "Play", {}, step.audio_url)
            return
        language = language_of(step.language, self.languages)
        spoken = self.say if language is None else {**self.say, "language": language}
        for piece in split_text(step.text):
            add_element(parent, "Say", spoken, piece)

    def _gather(self, response: Element, step: Gather) -> None:
        least, most = SECONDS
        attributes = {
            "action": step.answer_url,
            "numDigits": "1",
            "timeout": str(min(max(step.seconds, least), most)),
            **self.gather,
        }
        self._play(add_element(response, "Gather", attributes), step.prompt)

    def _record(self, response: Element, step: Record) -> None:
        if self.recording is None:
            return
        # A fragment in the URL already sets the platform's retries.
        overrides = "" if "#" in step.status_url else self.overrides
        where = {"recordingStatusCallback": step.status_url + overrides}
        add_element(add_element(response, "Start", {}), "Recording", {**self.recording, **where})
