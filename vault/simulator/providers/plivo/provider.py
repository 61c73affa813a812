"""Simulated Plivo: forms with the V3 signature, and recordings that need Basic authentication.

Numbers have no plus. URLs do not expire; a dead one returns 404 once. Sources: plivo.com/docs, voice XML
request and validation, GetInput, Record, Redirect, the Recordings API; the vendor's SDK.
"""

import base64
import hmac
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook, json_reply
from vault.simulator.instructions import Instruction
from vault.simulator.provider import FORM, Asking, SteeredProvider, form_body, hand_out, same
from vault.simulator.providers.plivo.documents import read_plivo

_REQUEST = "answer"
_EVENTS: Mapping[Asking, tuple[str, str]] = {
    "start": (_REQUEST, "StartApp"),
    "key": ("input", "GetInput"),
    "next": ("redirect", "Redirect"),
}


class Plivo(SteeredProvider):
    """The provider ``plivo``."""

    name: ClassVar[str] = "plivo"
    page: ClassVar[int] = 20

    def __init__(self, base: str) -> None:
        """Generate an account and its auth token."""
        super().__init__(base)
        self._account = f"MA{secrets.token_hex(9).upper()}"
        self._token = base64.b64encode(secrets.token_hex(15).encode()).decode()

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the account's id and auth token."""
        return {"auth_id": self._account, "auth_token": self._token}

    def new_call_ref(self) -> str:
        """Return a CallUUID."""
        return str(uuid.uuid4())

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return a RecordingID."""
        return str(call.related("recording"))

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the requests to the answer URL and to the hangup URL."""
        over = {
            "Event": "Hangup",
            "CallStatus": "completed",
            "HangupCause": "NORMAL_CLEARING",
            "Duration": str(call.talk_seconds),
            "BillDuration": "60",
            "TotalCost": "0.00850",
            "StartTime": _stamp(call.started_at),
            "AnswerTime": _stamp(call.answered_at),
            "EndTime": _stamp(call.ended_at),
        }
        return [self.asks(call, url, "start"), self._signed("hangup", url, _leg(call) | over)]

    def asks(
        self,
        call: SimulatedCall,
        url: str,
        asking: Asking,
        *,
        key: str | None = None,
        payload: object = None,  # noqa: ARG002 - a <Redirect> has no payload
    ) -> Webhook:
        """Return the form for the answer URL, for a ``<GetInput>`` with its key, or for a ``<Redirect>``."""
        event, named = _EVENTS[asking]
        fields = {"Event": named, "CallStatus": "ringing", "StartTime": _stamp(call.started_at)}
        if asking != "start" or call.direction == "outbound":
            # For an outbound call, Plivo requests the answer URL after the answer.
            fields |= {"CallStatus": "in-progress", "AnswerTime": _stamp(call.answered_at)}
        if key is not None:
            fields |= {"InputType": "dtmf", "Digits": key, "Speech": "", "SpeechConfidenceScore": ""}
        return self._signed(event, url, _leg(call) | fields)

    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:
        """Parse the XML to instructions. Raises Invalid."""
        return read_plivo(document, seconds=call.talk_seconds)

    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return no events before the documents, and the hangup after them."""
        return (), [event for event in self.call_events(call, url) if event.event != _REQUEST]

    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return the callback of ``<Record>``."""
        call = copy.call
        fields = {
            **_leg(call),
            "CallStatus": "completed",
            "Event": "RecordStop",
            "RecordUrl": self._url(copy),
            "RecordingID": copy.ref,
            "RecordingDuration": str(call.talk_seconds),
            "RecordingDurationMs": str(call.talk_seconds * 1000),
            "RecordingStartMs": str(_millis(call.answered_at)),
            "RecordingEndMs": str(_millis(call.ended_at)),
            "RecordingEndReason": "hangup",
        }
        return self._signed("recording", url, fields)

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer REST and media with Basic; 401 for wrong credentials."""
        if not same(asked.basic, self._account, self._token):
            refused = b"Could not verify your access level for that URL."
            return Reply(status=401, body=refused, content_type="text/plain")
        home = f"/v1/Account/{self._account}/Recording/"
        if asked.method == "GET" and asked.path == home:
            return self._list(asked)
        match = re.fullmatch(re.escape(home) + r"([0-9a-f-]{36})(/|\.wav|\.mp3)", asked.path)
        copy = self.find(match[1]) if match else None
        if match is None or copy is None:
            return _missing()
        if match[2] != "/":
            return hand_out(copy, "audio/mpeg") or _missing()
        if asked.method == "DELETE":
            copy.deleted = True
            return Reply(status=204)
        return json_reply(200, self._recording(copy))

    def _list(self, asked: VaultRequest) -> Reply:
        size = min(int(asked.parameter("limit") or "20"), self.page)
        offset, since = int(asked.parameter("offset") or "0"), asked.parameter("add_time__gte") or ""
        every = [copy for copy in self.present() if _stamp(copy.call.ended_at) >= since]
        path, more = f"/v1/Account/{self._account}/Recording/", offset + size < len(every)
        following = urlencode({**dict(asked.query), "limit": size, "offset": offset + size})
        meta = {
            "limit": size,
            "offset": offset,
            "next": f"{path}?{following}" if more else None,
            "previous": None,
            "total_count": len(every),
        }
        shown = every[offset : offset + size]
        listed = [self._recording(copy) for copy in shown]
        return json_reply(200, {"api_id": str(uuid.uuid4()), "meta": meta, "objects": listed})

    def _recording(self, copy: Copy) -> dict[str, Any]:
        call = copy.call
        return {
            "add_time": f"{_stamp(call.ended_at)}+00:00",
            "call_uuid": call.ref,
            "conference_name": None,
            "from_number": call.caller.removeprefix("+"),
            "to_number": call.callee.removeprefix("+"),
            "recording_duration_ms": f"{call.talk_seconds * 1000}.00000",
            "recording_start_ms": f"{_millis(call.answered_at)}.00000",
            "recording_end_ms": f"{_millis(call.ended_at)}.00000",
            "recording_format": "wav",
            "recording_id": copy.ref,
            "recording_type": "normal",
            "recording_url": self._url(copy),
            "resource_uri": f"/v1/Account/{self._account}/Recording/{copy.ref}/",
        }

    def _url(self, copy: Copy) -> str:
        return f"{self.base}/v1/Account/{self._account}/Recording/{copy.ref}.wav"

    def _signed(self, event: str, url: str, fields: Mapping[str, str]) -> Webhook:
        nonce = secrets.token_hex(10)
        signature = v3_signature(self._token, url, fields, nonce)
        headers = {
            "Content-Type": FORM,
            "X-Plivo-Signature-V3": signature,
            "X-Plivo-Signature-Ma-V3": signature,
            "X-Plivo-Signature-V3-Nonce": nonce,
        }
        return Webhook(event=event, headers=headers, body=form_body(fields))


def v3_signature(token: str, url: str, fields: Mapping[str, str], nonce: str) -> str:
    """Compute base64 of HMAC-SHA256 over a POST: the URL, its sorted query, the sorted form, the nonce.

    The URL is followed by a question mark also without a query; a dot only follows a query.
    """
    path, _, _ = url.partition("?")
    query = "&".join(sorted(f"{name}={value}" for name, value in parse_qsl(urlsplit(url).query)))
    base = (
        f"{path}?{query}" + ("." if query else "") + "".join(name + fields[name] for name in sorted(fields))
    )
    return base64.b64encode(hmac.new(token.encode(), f"{base}.{nonce}".encode(), "sha256").digest()).decode()


def _leg(call: SimulatedCall) -> dict[str, str]:
    fields = {
        "CallUUID": call.ref,
        "From": call.caller.removeprefix("+"),
        "To": call.callee.removeprefix("+"),
        "Direction": call.direction,
        "ALegUUID": call.ref,
        "ForwardedFrom": "",
    }
    return fields | (
        {"ALegRequestUUID": call.ref, "RequestUUID": call.ref} if call.direction == "outbound" else {}
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _missing() -> Reply:
    return json_reply(404, {"api_id": str(uuid.uuid4()), "error": "not found"})
