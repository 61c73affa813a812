"""Simulated Twilio API, version 2010-04-01, which SignalWire also implements.

Forms whose signature covers the public URL and the sorted parameters, and a REST API below
``/Accounts/{account}``. Recordings do not expire; a 404 shortly after the callback is possible, which
simulates a dead URL. Sources: twilio.com/docs (recording status callbacks, voice request
parameters, <Gather>, <Redirect>, the Recordings resource) and SignalWire's compatibility API.
"""

import base64
import hmac
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook, json_reply
from vault.simulator.instructions import Instruction
from vault.simulator.provider import FORM, Asking, SteeredProvider, form_body, hand_out, same
from vault.simulator.twiml import Dialect

_TYPES = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}
_REQUEST = "voice request"
_EVENTS: Mapping[Asking, str] = {"start": _REQUEST, "key": "gather", "next": "redirect"}


class TwilioApiProvider(SteeredProvider):
    """A provider with Twilio's API."""

    #: The path prefix before ``/Accounts``.
    prefix: ClassVar[str]
    #: Its variant of TwiML.
    dialect: ClassVar[Dialect]

    def __init__(self, base: str) -> None:
        """Take the provider's base URL."""
        super().__init__(base)
        #: Running calls, and the callback URL of recordings started over the REST API.
        self._running: dict[str, str | None] = {}

    @property
    @abstractmethod
    def account(self) -> str:
        """Return the account's id, the user of HTTP Basic."""

    @property
    @abstractmethod
    def password(self) -> str:
        """Return the password of HTTP Basic."""

    @abstractmethod
    def signed(self, event: str, url: str, fields: Mapping[str, str]) -> Webhook:
        """Return the form as a signed webhook."""

    @abstractmethod
    def id_of(self, kind: str, call: SimulatedCall, what: str) -> str:
        """Return another id of this call in the provider's format; ``kind`` is CA or RE."""

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the request to the voice URL and the status callbacks, numbered within their leg."""
        events = self._inbound(call) if call.direction == "inbound" else self._outbound(call)
        return [self.signed(event, url, {**self._leg(call), **fields}) for event, fields in events]

    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return the recording status callback, which does not contain the parties."""
        call = copy.call
        fields = {
            "AccountSid": self.account,
            "CallSid": call.ref,
            "RecordingSid": copy.ref,
            "RecordingUrl": self.base + self._path(copy.ref),
            "RecordingStatus": "completed",
            "RecordingDuration": str(call.talk_seconds),
            "RecordingChannels": "2",
            "RecordingStartTime": format_datetime(call.answered_at),
            "RecordingSource": _source(call),
            "RecordingTrack": "both",
            "ErrorCode": "0",
        }
        return self.signed("recording completed", url, fields)

    def asks(
        self,
        call: SimulatedCall,
        url: str,
        asking: Asking,
        *,
        key: str | None = None,
        payload: object = None,  # noqa: ARG002 - a <Redirect> has no payload
    ) -> Webhook:
        """Return the form for the voice URL, for a ``<Gather>`` with its key, or for a ``<Redirect>``."""
        ringing = asking == "start" and call.direction == "inbound"
        fields = {**self._leg(call), "CallStatus": "ringing" if ringing else "in-progress"}
        if key is not None:
            fields |= {"Digits": key, "FinishedOnKey": ""}
        return self.signed(_EVENTS[asking], url, fields)

    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:  # noqa: ARG002 - the same for every call
        """Parse the document in this platform's variant of TwiML. Raises Invalid."""
        return self.dialect.read(document)

    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the status callbacks; an inbound call has none before its document."""
        events = [event for event in self.call_events(call, url) if event.event != _REQUEST]
        first = 0 if call.direction == "inbound" else len(events) - 1
        return events[:first], events[first:]

    def begins(self, call: SimulatedCall) -> None:
        """Mark the call as running, so that it can be recorded over the REST API."""
        self._running[call.ref] = None

    def begun(self, call: SimulatedCall) -> str | None:
        """Return the RecordingStatusCallback that the REST API received for this call."""
        return self._running.get(call.ref)

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer REST and media with Basic: 401 for wrong credentials, 404 for another account's path."""
        if not same(asked.basic, self.account, self.password):
            return _error(401, 20003, "Authenticate")
        home = f"{self.prefix}/Accounts/{self.account}"
        if asked.method == "GET" and asked.path == f"{home}/Recordings.json":
            return self._list(asked)
        call = re.fullmatch(
            re.escape(home) + r"/Calls/([0-9A-Za-z-]+)/Recordings(/Twilio\.CURRENT)?\.json", asked.path
        )
        if asked.method == "POST" and call:
            return self._change(asked, call[1]) if call[2] else self._begin(asked, call[1])
        match = re.fullmatch(
            re.escape(home) + r"/Recordings/([0-9A-Za-z-]+)(?:\.(json|wav|mp3))?", asked.path
        )
        copy = self.find(match[1]) if match else None
        if match is None or copy is None:
            return _missing()
        if asked.method == "DELETE":
            copy.deleted = True
            return Reply(status=204)
        return self._shown(copy, match[2])

    def _shown(self, copy: Copy, extension: str | None) -> Reply:
        """Return the audio, or the metadata if the path has no audio extension."""
        if extension in _TYPES:
            return hand_out(copy, _TYPES[extension]) or _missing()
        return json_reply(200, self._recording(copy))

    def _begin(self, asked: VaultRequest, call_ref: str) -> Reply:
        """Start the recording of a running call with the form's parameters."""
        form = parse_qs(asked.body.decode("ascii", "replace"))
        callback = form.get("RecordingStatusCallback", [""])[0]
        if call_ref not in self._running:
            return _missing()
        if not callback or form.get("RecordingChannels") != ["dual"]:
            return _error(400, 21220, "RecordingStatusCallback is missing, or RecordingChannels is not dual")
        self._running[call_ref] = callback
        recording = {
            "account_sid": self.account,
            "call_sid": call_ref,
            "channels": 2,
            "status": "in-progress",
        }
        return json_reply(201, recording)

    def _change(self, asked: VaultRequest, call_ref: str) -> Reply:
        """Pause the recording of a running call, or let it go on, and return its state."""
        form = parse_qs(asked.body.decode("ascii", "replace"))
        status = form.get("Status", [""])[0]
        if call_ref not in self._running:
            return _missing()
        if status not in ("paused", "in-progress") or form.get("PauseBehavior", ["silence"]) != ["silence"]:
            return _error(400, 21220, "Status is not paused or in-progress, or PauseBehavior is not silence")
        paused = self.change_pause(call_ref, paused=status == "paused")
        recording = {"account_sid": self.account, "call_sid": call_ref, "channels": 2}
        return json_reply(200, {**recording, "status": "paused" if paused else "in-progress"})

    def _inbound(self, call: SimulatedCall) -> list[tuple[str, dict[str, str]]]:
        """Return the events of a call that the platform answers and connects to an agent's client."""
        child = {
            "CallSid": self.id_of("CA", call, "child"),
            "ParentCallSid": call.ref,
            "Direction": "outbound-dial",
            "To": f"client:{self.agent('inbound')}",
            "Called": f"client:{self.agent('inbound')}",
        }
        return [
            (_REQUEST, {"CallStatus": "ringing"}),
            ("leg initiated", child | _progress("initiated", call.started_at, 0)),
            ("leg in-progress", child | _progress("in-progress", call.answered_at, 1)),
            (
                "leg completed",
                child | _progress("completed", call.ended_at, 2) | {"CallDuration": str(call.talk_seconds)},
            ),
            (
                "call completed",
                _progress("completed", call.ended_at, 0) | {"CallDuration": str(call.seconds)},
            ),
        ]

    def _outbound(self, call: SimulatedCall) -> list[tuple[str, dict[str, str]]]:
        """Return the events of a call that was made over the API."""
        over = {"CallDuration": str(call.talk_seconds), "Duration": "1", "SipResponseCode": "200"}
        return [
            ("call initiated", _progress("initiated", call.started_at, 0)),
            ("call ringing", _progress("ringing", call.started_at, 1)),
            ("call answered", _progress("in-progress", call.answered_at, 2)),
            ("call completed", _progress("completed", call.ended_at, 3) | over),
        ]

    def _leg(self, call: SimulatedCall) -> dict[str, str]:
        return {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "CallSid": call.ref,
            "From": call.caller,
            "Caller": call.caller,
            "To": call.callee,
            "Called": call.callee,
            "Direction": "inbound" if call.direction == "inbound" else "outbound-api",
            "FromCity": "SAN FRANCISCO",
            "ForwardedFrom": "",
        }

    def _path(self, ref: str) -> str:
        return f"{self.prefix}/Accounts/{self.account}/Recordings/{ref}"

    def _list(self, asked: VaultRequest) -> Reply:
        """List the recordings made on or after a day, newest first."""
        day = asked.parameter("DateCreated>") or ""
        size, page = int(asked.parameter("PageSize") or "50"), int(asked.parameter("Page") or "0")
        every = [copy for copy in self.present() if copy.call.ended_at.date().isoformat() >= day]
        shown, more = every[page * size : (page + 1) * size], (page + 1) * size < len(every)
        path = f"{self.prefix}/Accounts/{self.account}/Recordings.json"
        following = urlencode({**dict(asked.query), "Page": page + 1})
        listed = {
            "page": page,
            "page_size": size,
            "uri": path,
            "next_page_uri": f"{path}?{following}" if more else None,
            "recordings": [self._recording(copy) for copy in shown],
        }
        return json_reply(200, listed)

    def _recording(self, copy: Copy) -> dict[str, Any]:
        call, path = copy.call, self._path(copy.ref)
        return {
            "sid": copy.ref,
            "account_sid": self.account,
            "call_sid": call.ref,
            "conference_sid": None,
            "api_version": "2010-04-01",
            "channels": 2,
            "date_created": format_datetime(call.answered_at),
            "date_updated": format_datetime(call.ended_at),
            "start_time": format_datetime(call.answered_at),
            "duration": str(call.talk_seconds),
            "error_code": None,
            "price": None,
            "price_unit": "USD",
            "source": _source(call),
            "status": "completed",
            "track": "both",
            "uri": f"{path}.json",
            "media_url": f"{self.base}{path}",
            "encryption_details": None,
        }


def form_signature(key: str, url: str, fields: Mapping[str, str], algorithm: str = "sha1") -> str:
    """Compute base64 of the HMAC over the URL and each sorted name with its value, without separators."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), algorithm).digest()).decode()


def form_webhook(event: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Webhook:
    """Build a webhook with a form body."""
    return Webhook(event=event, headers={"Content-Type": FORM, **headers}, body=form_body(fields))


def _source(call: SimulatedCall) -> str:
    return "DialVerb" if call.direction == "inbound" else "OutboundAPI"


def _progress(status: str, at: datetime, number: int) -> dict[str, str]:
    return {
        "CallStatus": status,
        "Timestamp": format_datetime(at.astimezone(UTC)),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
    }


def _missing() -> Reply:
    return _error(404, 20404, "The requested resource was not found")


def _error(status: int, code: int, message: str) -> Reply:
    return json_reply(status, {"code": code, "message": message, "status": status})
