"""Simulated TeXML applications of Telnyx: the same account, but documents and forms instead of Call Control.

A call's id is its CallSid, the ``call_control_id``; no event contains the direction. Sources:
developers.telnyx.com, texml-instruction-fetching, TeXML verbs, and the callbacks texml-call-completed,
texml-gather and texml-recording-completed.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from vault.rfc3339 import write_rfc3339
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.instructions import Instruction
from vault.simulator.provider import FORM, Asking, SteeredProvider, form_body
from vault.simulator.providers.telnyx.provider import CONNECTION, Telnyx
from vault.simulator.twiml import GATHER, RECORDING, SPOKEN, Dialect

#: TeXML's <Gather> uses the method of the application's settings, here POST.
TEXML = Dialect(
    known={
        **SPOKEN,
        "Gather": GATHER,
        "Start": frozenset(),
        "Recording": RECORDING | {"trim", "format"},
        "Redirect": frozenset({"method"}),
    }
)

_EVENTS: Mapping[Asking, str] = {"start": "TeXML request", "key": "gather", "next": "redirect"}


class Texml(Telnyx, SteeredProvider):
    """The provider ``telnyx``, with a TeXML application."""

    directed: ClassVar[bool] = False

    def new_call_ref(self) -> str:
        """Return a call_control_id."""
        control = super().new_call_ref().encode()
        return f"v3:{base64.urlsafe_b64encode(control).decode().rstrip('=')}"

    def leg_ref(self, call: SimulatedCall) -> str:
        """Return the leg's id, which is not the CallSid."""
        return str(call.related("leg"))

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:  # noqa: ARG002 - the URL is not signed
        """Return the call's progress; every event contains the start time."""
        return [
            self._progress(call, "initiated", call.started_at, 0),
            self._progress(call, "in-progress", call.answered_at, 1),
            self._progress(call, "completed", call.ended_at, 2),
        ]

    def recording_event(self, copy: Copy, url: str) -> Webhook:  # noqa: ARG002 - the URL is not signed
        """Return the recording's callback, without parties and times."""
        fields = {
            "RecordingChannels": "2",
            "RecordingDuration": str(copy.call.talk_seconds),
            "RecordingSid": copy.ref,
            "RecordingSource": "StartCallRecordingTeXML",
            "RecordingStatus": "completed",
            "RecordingUrl": self.media_url(copy, expired=copy.expired),
        }
        return self._form("recording completed", copy.call, fields)

    def asks(
        self,
        call: SimulatedCall,
        url: str,  # noqa: ARG002 - the URL is not signed
        asking: Asking,
        *,
        key: str | None = None,
        payload: object = None,  # noqa: ARG002 - a <Redirect> has no payload
    ) -> Webhook:
        """Return the form for the application's URL, for a ``<Gather>`` with its key, or for a ``<Redirect>``."""
        fields = {**_parties(call), "ApiVersion": "2010-04-01", "CallStatus": "in-progress"}
        if key is not None:
            fields |= {"Digits": key, "Confidence": "", "SpeechResult": ""}
        return self._form(_EVENTS[asking], call, fields)

    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:  # noqa: ARG002 - the same for every call
        """Parse the TeXML to instructions. Raises Invalid."""
        return TEXML.read(document)

    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the start event before the documents, and the answer and end events after them."""
        events = self.call_events(call, url)
        return events[:1], events[1:]

    def _progress(self, call: SimulatedCall, status: str, at: datetime, number: int) -> Webhook:
        fields = {
            **_parties(call),
            "CallInitiatedAt": write_rfc3339(call.started_at),
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(number),
            "Timestamp": write_rfc3339(at),
        }
        if status == "completed":
            fields["CallDuration"] = str(call.seconds)
        return self._form(f"call {status}", call, fields)

    def _form(self, event: str, call: SimulatedCall, fields: Mapping[str, str]) -> Webhook:
        named = {
            "AccountSid": str(call.related("account")),
            "CallSid": call.ref,
            "CallSidLegacy": call.ref,
            "ConnectionId": CONNECTION,
        }
        return self.signed(event, form_body({**named, **fields}), FORM)


def _parties(call: SimulatedCall) -> dict[str, str]:
    return {"From": call.caller, "To": call.callee}
