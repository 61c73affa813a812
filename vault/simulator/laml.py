"""The 2010-04-01 dialect, simulated: what Twilio speaks and SignalWire took over.

Forms whose signature covers the public URL and the sorted parameters, and a REST interface below
``/Accounts/{account}``. Recordings do not expire; a 404 shortly after the callback is possible, and that
is what a dead URL is here. Sources: twilio.com/docs (recording status callbacks, voice request
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
from vault.simulator.exchange import Asked, Reply, Webhook, json_reply
from vault.simulator.instructions import Instruction
from vault.simulator.provider import FORM, form_body, hand_out, same
from vault.simulator.steered_provider import Asking, SteeredProvider
from vault.simulator.twiml import Dialect

_TYPES = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}
_REQUEST = "voice request"
_EVENTS: Mapping[Asking, str] = {"start": _REQUEST, "key": "gather", "next": "redirect"}


class Laml(SteeredProvider):
    """A provider of this dialect."""

    #: What stands before ``/Accounts``.
    prefix: ClassVar[str]
    #: What it reads in documents.
    dialect: ClassVar[Dialect]

    def __init__(self, base: str) -> None:
        """Take the URL of its own root."""
        super().__init__(base)
        #: Calls that are going on, and where recordings are told of that the REST interface began.
        self._going_on: dict[str, str | None] = {}

    @property
    @abstractmethod
    def account(self) -> str:
        """Return the account's id, which is the user of HTTP Basic."""

    @property
    @abstractmethod
    def password(self) -> str:
        """Return the password of HTTP Basic."""

    @abstractmethod
    def signed(self, event: str, url: str, fields: Mapping[str, str]) -> Webhook:
        """Return the form as a signed webhook."""

    @abstractmethod
    def id_of(self, kind: str, call: SimulatedCall, what: str) -> str:
        """Return another id of this call in the provider's manner; ``kind`` is CA or RE."""

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the request of the voice URL and the status callbacks, numbered within their leg."""
        events = self._inbound(call) if call.direction == "inbound" else self._outbound(call)
        return [self.signed(event, url, {**self._leg(call), **fields}) for event, fields in events]

    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return the recording status callback: it says nothing of the parties."""
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
        payload: object = None,  # noqa: ARG002 - a <Redirect> gives nothing along
    ) -> Webhook:
        """Return the form of the voice URL, of a ``<Gather>`` with its key, or of a ``<Redirect>``."""
        ringing = asking == "start" and call.direction == "inbound"
        fields = {**self._leg(call), "CallStatus": "ringing" if ringing else "in-progress"}
        if key is not None:
            fields |= {"Digits": key, "FinishedOnKey": ""}
        return self.signed(_EVENTS[asking], url, fields)

    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:  # noqa: ARG002 - it is the same for every call
        """Return what the document says, in this platform's dialect. Raises Invalid."""
        return self.dialect.read(document)

    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the status callbacks: a call that came in has none before its document."""
        events = [event for event in self.call_events(call, url) if event.event != _REQUEST]
        first = 0 if call.direction == "inbound" else len(events) - 1
        return events[:first], events[first:]

    def begins(self, call: SimulatedCall) -> None:
        """Let the call go on, so that it can be recorded over the REST interface."""
        self._going_on[call.ref] = None

    def begun(self, call: SimulatedCall) -> str | None:
        """Return the RecordingStatusCallback that the REST interface was given for this call."""
        return self._going_on.get(call.ref)

    def answer(self, asked: Asked) -> Reply:
        """Answer REST and media by Basic: 401 for wrong credentials, 404 for another account's."""
        if not same(asked.basic, self.account, self.password):
            return _error(401, 20003, "Authenticate")
        home = f"{self.prefix}/Accounts/{self.account}"
        if asked.method == "GET" and asked.path == f"{home}/Recordings.json":
            return self._list(asked)
        begin = re.fullmatch(re.escape(home) + r"/Calls/([0-9A-Za-z-]+)/Recordings\.json", asked.path)
        if asked.method == "POST" and begin:
            return self._begin(asked, begin[1])
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
        """Return the audio, or without an extension of audio the description."""
        if extension in _TYPES:
            return hand_out(copy, _TYPES[extension]) or _missing()
        return json_reply(200, self._recording(copy))

    def _begin(self, asked: Asked, call_ref: str) -> Reply:
        """Record a call that is going on, as the form says."""
        form = parse_qs(asked.body.decode("ascii", "replace"))
        told_at = form.get("RecordingStatusCallback", [""])[0]
        if call_ref not in self._going_on:
            return _missing()
        if not told_at or form.get("RecordingChannels") != ["dual"]:
            return _error(400, 21220, "The simulated platform wants two channels, and to know whom to tell")
        self._going_on[call_ref] = told_at
        begun = {"account_sid": self.account, "call_sid": call_ref, "channels": 2, "status": "in-progress"}
        return json_reply(201, begun)

    def _inbound(self, call: SimulatedCall) -> list[tuple[str, dict[str, str]]]:
        """Return what is told of a call that the platform answers and connects to an agent's client."""
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
        """Return what is told of a call that was made by the API."""
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

    def _list(self, asked: Asked) -> Reply:
        """Return recordings made on or after a day, newest first."""
        day = asked.parameter("DateCreated>") or ""
        size, page = int(asked.parameter("PageSize") or "50"), int(asked.parameter("Page") or "0")
        every = [copy for copy in self.present() if copy.call.ended_at.date().isoformat() >= day]
        here, more = every[page * size : (page + 1) * size], (page + 1) * size < len(every)
        path = f"{self.prefix}/Accounts/{self.account}/Recordings.json"
        following = urlencode({**dict(asked.query), "Page": page + 1})
        listed = {
            "page": page,
            "page_size": size,
            "uri": path,
            "next_page_uri": f"{path}?{following}" if more else None,
            "recordings": [self._recording(copy) for copy in here],
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
    """Return base64 of the HMAC over the URL and each sorted name with its value, without separators."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), algorithm).digest()).decode()


def form_webhook(event: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Webhook:
    """Return a form with its headers."""
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
