"""Documents in the 2010-04-01 dialect: TwiML, and what SignalWire (cXML) and Telnyx (TeXML) made of it.

One keypress is asked for with ``<Gather>``; where nothing is pressed in time, the platform goes on with what
stands behind it. So a call flow reads the same for whoever answers and whoever keeps silent. What differs between
the platforms stands in the fields of ``TwilioApiDocuments``, and each platform's file says where it is documented.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.domain.calls.webhook import Delivery
from vault.errors import Invalid
from vault.telephony.call_documents.text_to_speech import language_of, pieces
from vault.telephony.call_documents.xml import add, written
from vault.telephony.parsing.dtmf import pressed
from vault.telephony.twilio_api import events

#: What TeXML allows; the others name no limit.
SECONDS = (1, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioApiDocuments:
    """The port CallDocuments in one platform's dialect."""

    #: Attributes of ``<Recording>``; None where no document can begin a recording and ``Record`` is left out.
    recording: Mapping[str, str] | None
    #: Attributes of ``<Gather>`` besides action, numDigits and timeout.
    gather: Mapping[str, str]
    #: Attributes of ``<Say>`` besides its language.
    say: Mapping[str, str]
    #: What is put behind the URL that is told of the recording: how often the platform repeats it.
    overrides: str = ""
    #: The languages of ``<Say>``; None where the platform takes more than can be listed.
    languages: Collection[str] | None = None
    #: How the platform names calls.
    refs: re.Pattern[str] = events.REF
    #: Whether the signature covers the query, so that a GET can be believed.
    signs_query: bool = True

    def step(self, delivery: Delivery) -> CallStep:
        """Return what an authentic request for a document says. Raises Invalid, naming the field."""
        if events.is_json(delivery):
            raise Invalid("A document is asked for by a form.", field="body")
        if delivery.method == "GET" and not self.signs_query:
            raise Invalid("The platform does not sign a query: it must ask by POST.", field="method")
        form = events.fields(delivery)
        return CallStep(
            facts=events.call_facts(form, self.refs), key=pressed(events.text(form, "Digits"), field="Digits")
        )

    def document(self, flow: CallFlow) -> Document:
        """Return the call flow as the platform reads it."""
        response = Element("Response")
        for step in flow:
            match step:
                case Play():
                    self._play(response, step)
                case Gather():
                    self._ask(response, step)
                case Record():
                    self._record(response, step)
                case Redirect():
                    add(response, "Redirect", {"method": "POST"}, step.url)
        return written(response)

    def _play(self, parent: Element, step: Play) -> None:
        if step.audio_url is not None:
            add(parent, "Play", {}, step.audio_url)
            return
        language = language_of(step.language, self.languages)
        spoken = self.say if language is None else {**self.say, "language": language}
        for piece in pieces(step.text):
            add(parent, "Say", spoken, piece)

    def _ask(self, response: Element, step: Gather) -> None:
        least, most = SECONDS
        attributes = {
            "action": step.answer_url,
            "numDigits": "1",
            "timeout": str(min(max(step.seconds, least), most)),
            **self.gather,
        }
        self._play(add(response, "Gather", attributes), step.prompt)

    def _record(self, response: Element, step: Record) -> None:
        if self.recording is None:
            return
        # Whoever chose a fragment chose how often the platform repeats itself.
        overrides = "" if "#" in step.status_url else self.overrides
        where = {"recordingStatusCallback": step.status_url + overrides}
        add(add(response, "Start", {}), "Recording", {**self.recording, **where})
