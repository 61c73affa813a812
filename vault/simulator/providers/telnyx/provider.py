"""Simulated Telnyx Call Control: JSON events with an Ed25519 signature, media URLs that expire after ten minutes.

Sources: developers.telnyx.com, receiving webhooks, call recordings; the models of the vendor's SDK.
"""

import base64
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vault.rfc3339 import write_rfc3339
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook, json_reply
from vault.simulator.presigned import PresignedMedia
from vault.simulator.provider import SimulatedProvider, json_body

_ONE = re.compile(r"/v2/recordings/([0-9a-f-]{36})")
_COMMAND = re.compile(r"/v2/calls/(v3:[0-9A-Za-z_-]+)/actions/record_(pause|resume)")
CONNECTION = "1494404757140276705"
_MEDIA = re.compile(r"/telephony-recorder-prod/([0-9a-f-]{36})\.(?:wav|mp3)")


class Telnyx(SimulatedProvider):
    """The provider ``telnyx``."""

    name: ClassVar[str] = "telnyx"
    renews: ClassVar[bool] = True
    page: ClassVar[int] = 250

    def __init__(self, base: str) -> None:
        """Generate the account's signing key and an API key."""
        super().__init__(base)
        self._key, self._api_key = Ed25519PrivateKey.generate(), f"KEY{secrets.token_hex(20)}"
        self._media = PresignedMedia(base)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the public key, as Mission Control shows it, and the API key."""
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"public_key": base64.b64encode(public).decode(), "api_key": self._api_key}

    def new_call_ref(self) -> str:
        """Return a leg's id."""
        return str(uuid.uuid4())

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return a recording_id."""
        return str(call.related("recording"))

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return initiated, answered and hangup; the time of each is in occurred_at."""
        inbound = call.direction == "inbound"
        start = {"start_time": _micro(call.started_at)}
        leg = self._leg(call) | {"from": call.caller, "to": call.callee}
        return [
            self._event(
                "call.initiated",
                call.started_at,
                leg
                | start
                | {
                    "direction": "incoming" if inbound else "outgoing",
                    "state": "parked" if inbound else "bridging",
                    "caller_id_name": call.caller,
                    "custom_headers": [],
                    "tags": [],
                },
                url,
            ),
            self._event("call.answered", call.answered_at, leg | start | {"state": "answered"}, url),
            self._event(
                "call.hangup",
                call.ended_at,
                leg
                | start
                | {
                    "state": "hangup",
                    "hangup_cause": "normal_clearing",
                    "hangup_source": "caller",
                    "sip_hangup_cause": "200",
                },
                url,
            ),
        ]

    def recording_event(self, copy: Copy, url: str) -> Webhook:
        """Return ``call.recording.saved`` with its short-lived URLs."""
        call = copy.call
        payload = self._leg(call) | {
            "recording_id": copy.ref,
            "channels": "dual",
            "format": "wav",
            "recording_started_at": _micro(call.answered_at),
            "recording_ended_at": _micro(call.ended_at),
            "recording_urls": {"wav": self.media_url(copy, expired=copy.expired)},
            "public_recording_urls": {},
        }
        return self._event("call.recording.saved", call.ended_at + timedelta(seconds=1), payload, url)

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer media by pre-signed URL, and REST with the API key: 401 for any other key."""
        if match := _MEDIA.fullmatch(asked.path):
            return self._media.answer(asked, self.find(match[1]), "audio/wav")
        if not secrets.compare_digest(asked.bearer or "", self._api_key):
            return _error(401, "10009", "Authentication failed")
        if asked.method == "POST" and (match := _COMMAND.fullmatch(asked.path)):
            # Whether it obeys or not: this command has no other answer.
            self.change_pause(match[1], paused=match[2] == "pause")
            return json_reply(200, {"data": {"result": "ok"}})
        if asked.method == "GET" and asked.path == "/v2/recordings":
            return self._list(asked)
        match = _ONE.fullmatch(asked.path)
        copy = self.find(match[1]) if match else None
        if copy is None or asked.method not in ("GET", "DELETE"):
            return _error(404, "10005", "Resource not found")
        shown = {"data": self._recording(copy)}
        copy.deleted = asked.method == "DELETE"
        return json_reply(200, shown)

    def _list(self, asked: VaultRequest) -> Reply:
        size = min(int(asked.parameter("page[size]") or "20"), self.page)
        number, since = (
            int(asked.parameter("page[number]") or "1"),
            asked.parameter("filter[created_at][gte]"),
        )
        every = [copy for copy in self.present() if since is None or _micro(copy.call.ended_at) >= since]
        for name in ("call_leg_id", "call_session_id"):
            if wanted := asked.parameter(f"filter[{name}]"):
                every = [copy for copy in every if self._leg(copy.call)[name] == wanted]
        meta = {
            "page_number": number,
            "page_size": size,
            "total_pages": -(-len(every) // size),
            "total_results": len(every),
        }
        shown = every[(number - 1) * size : number * size]
        return json_reply(200, {"data": [self._recording(copy) for copy in shown], "meta": meta})

    def _recording(self, copy: Copy) -> dict[str, Any]:
        call = copy.call
        leg = self._leg(call)
        return {
            "record_type": "recording",
            "id": copy.ref,
            **{name: leg[name] for name in ("call_control_id", "call_leg_id", "call_session_id")},
            "connection_id": leg["connection_id"],
            "from": call.caller,
            "to": call.callee,
            "channels": "dual",
            "conference_id": None,
            "created_at": _micro(call.ended_at),
            "updated_at": _micro(call.ended_at),
            "recording_started_at": _micro(call.answered_at),
            "recording_ended_at": _micro(call.ended_at),
            "duration_millis": call.talk_seconds * 1000,
            "download_urls": {"wav": self.media_url(copy)},
            "initiated_by": "StartCallRecordingAPI",
            "source": "call",
            "status": "completed",
        }

    def _event(self, kind: str, at: datetime, payload: Mapping[str, Any], url: str) -> Webhook:
        data = {
            "record_type": "event",
            "event_type": kind,
            "id": str(uuid.uuid4()),
            "occurred_at": _micro(at),
            "payload": payload,
        }
        body = json_body({"data": data, "meta": {"attempt": 1, "delivered_to": url}})
        return self.signed(kind, body, "application/json")

    def signed(self, event: str, body: bytes, content_type: str) -> Webhook:
        """Return the body with a signature over the current time and the body."""
        stamp = str(int(datetime.now(UTC).timestamp()))
        signature = self._key.sign(stamp.encode() + b"|" + body)
        headers = {
            "Content-Type": content_type,
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": stamp,
        }
        return Webhook(event=event, headers=headers, body=body)

    def leg_ref(self, call: SimulatedCall) -> str:
        """Return the leg's id in Call Control and in the list of recordings."""
        return call.ref

    def media_url(self, copy: Copy, *, expired: bool = False) -> str:
        """Return the URL of the audio, which is valid for ten minutes."""
        return self._media.url(f"/telephony-recorder-prod/{copy.ref}.wav", expired=expired)

    def _leg(self, call: SimulatedCall) -> dict[str, Any]:
        return {
            "call_control_id": f"v3:{call.related('control').hex}",
            "call_leg_id": self.leg_ref(call),
            "call_session_id": str(call.related("session")),
            "connection_id": CONNECTION,
            "client_state": None,
        }


def _micro(at: datetime) -> str:
    return write_rfc3339(at, "microseconds")


def _error(status: int, code: str, title: str) -> Reply:
    return json_reply(status, {"errors": [{"code": code, "title": title, "detail": title}]})
