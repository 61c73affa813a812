"""Simulated Vonage Voice: JSON with an HS256 token that contains the body's hash; media requires an RS256 token.

There is no list of recordings, and the deletion of voice recordings is not documented: they expire
after 30 days. The simulator deletes on request. URLs do not expire; a dead one returns 404 once.
Sources: developer.vonage.com, voice webhook reference, signed webhooks, NCCO reference, recording guide, Media API.
"""

import hashlib
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vault.errors import NotAuthentic
from vault.rfc3339 import write_rfc3339
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook, json_reply
from vault.simulator.instructions import Instruction
from vault.simulator.jwt import check_rs256, sign_hs256
from vault.simulator.provider import Asking, SteeredProvider, hand_out, json_body
from vault.simulator.providers.vonage.ncco import read_ncco

_FILE = re.compile(r"/(?:v1/files|v3/media)/([0-9a-f-]{36})")
_REQUEST = "answer request"


class Vonage(SteeredProvider):
    """The provider ``vonage``."""

    name: ClassVar[str] = "vonage"
    lists: ClassVar[bool] = False

    def __init__(self, base: str) -> None:
        """Generate an account's signature secret, and an application with its key pair."""
        super().__init__(base)
        self._secret, self._application = secrets.token_urlsafe(32), str(uuid.uuid4())
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the signature secret of webhooks, and the application's id and private key."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return {
            "signature_secret": self._secret,
            "application_id": self._application,
            "private_key": pem.decode(),
        }

    def new_call_ref(self) -> str:
        """Return a conversation's id, the only call data in a record event."""
        return f"CON-{uuid.uuid4()}"

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return the recording_uuid, which differs from the file's id."""
        return str(call.related("recording"))

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:
        """Return the request to the answer URL, by POST, and the events of the leg."""
        over = {
            "start_time": write_rfc3339(call.answered_at),
            "end_time": write_rfc3339(call.ended_at),
            "duration": str(call.talk_seconds),
            "network": "US-FIXED",
            "rate": "0.00720000",
            "price": "0.00420000",
        }
        answered: dict[str, Any] = {"start_time": None, "rate": None, "network": None, "headers": {}}
        events = [
            ("started", _event(call, "started", call.started_at)),
            ("ringing", _event(call, "ringing", call.started_at)),
            ("answered", _event(call, "answered", call.answered_at) | answered),
            ("completed", _event(call, "completed", call.ended_at) | over),
        ]
        signed = [self._signed(event, body) for event, body in events]
        return [self.asks(call, url, "start"), *signed] if call.direction == "inbound" else signed

    def asks(
        self,
        call: SimulatedCall,
        url: str,  # noqa: ARG002 - the URL is not signed
        asking: Asking,
        *,
        key: str | None = None,
        payload: object = None,
    ) -> Webhook:
        """Return the request to the answer URL, the event of an ``input``, or that of a ``notify``.

        The ``notify`` does not contain the parties, and none contains the direction.
        """
        if asking == "start":
            return self._signed(_REQUEST, _leg(call) | {"region_url": self.base, "custom_data": {}})
        now = {"timestamp": write_rfc3339(datetime.now(UTC))}
        if asking == "key":
            result = {
                "speech": {"error": "Speech was not enabled"},
                "dtmf": {"digits": key or "", "timed_out": key is None},
            }
            return self._signed("input", result | _leg(call) | now)
        return self._signed("notify", {"payload": payload, "conversation_uuid": call.ref} | now)

    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:  # noqa: ARG002 - the same for every call
        """Parse the NCCO to instructions. Raises Invalid."""
        return read_ncco(document)

    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the events of the leg: an outbound call requests its NCCO after the answer.

        For an inbound call, Vonage does not guarantee an order, so here the request is sent before any event
        that contains the direction.
        """
        events = [event for event in self.call_events(call, url) if event.event != _REQUEST]
        first = 0 if call.direction == "inbound" else 3
        return events[:first], events[first:]

    def recording_event(self, copy: Copy, url: str) -> Webhook:  # noqa: ARG002 - the URL is not signed
        """Return the record event, without a leg and parties."""
        event = {
            "start_time": write_rfc3339(copy.call.answered_at, "seconds"),
            "recording_url": f"{self.base}/v1/files/{copy.call.related('file')}",
            "size": len(copy.audio),
            "recording_uuid": copy.ref,
            "end_time": write_rfc3339(copy.call.ended_at, "seconds"),
            "conversation_uuid": copy.call.ref,
            "timestamp": write_rfc3339(datetime.now(UTC)),
        }
        return self._signed("record", event)

    def starts(self, call: SimulatedCall) -> Sequence[datetime]:
        """Return the start of the ringing, and for an outbound leg also the start of the recording.

        The events of an outbound leg do not show whether it started the conversation or joined it.
        """
        own = (call.started_at,)
        return own if call.direction == "inbound" else (*own, call.answered_at)

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer media, and its deletion, with the application's own token; 401 for any other."""
        try:
            check_rs256(
                asked.bearer or "",
                self._key.public_key(),
                application_id=self._application,
                now=datetime.now(UTC),
            )
        except NotAuthentic:
            return _error(401, "UNAUTHORIZED", "Unauthorized")
        match = _FILE.fullmatch(asked.path)
        copy = next(
            (copy for copy in self.present() if match and str(copy.call.related("file")) == match[1]), None
        )
        if copy is None:
            return _error(404, "NOT_FOUND", "Not found")
        if asked.method == "DELETE" and asked.path.startswith("/v3/media/"):
            copy.deleted = True
            return Reply(status=204)
        if asked.method == "GET" and asked.path.startswith("/v1/files/"):
            return hand_out(copy, "audio/mpeg") or _error(404, "NOT_FOUND", "Not found")
        return _error(404, "NOT_FOUND", "Not found")

    def _signed(self, event: str, value: object) -> Webhook:
        body = json_body(value)
        claims = {
            "iat": int(datetime.now(UTC).timestamp()),
            "jti": str(uuid.uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": "abcd1234",
            "application_id": self._application,
        }
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {sign_hs256(claims, self._secret)}",
        }
        return Webhook(event=event, headers=headers, body=body)


def _leg(call: SimulatedCall) -> dict[str, Any]:
    """Return the fields of every event of a leg; numbers have no plus."""
    return {
        "from": call.caller.removeprefix("+"),
        "to": call.callee.removeprefix("+"),
        "uuid": str(call.related("leg")),
        "conversation_uuid": call.ref,
    }


def _event(call: SimulatedCall, status: str, at: datetime) -> dict[str, Any]:
    return _leg(call) | {"status": status, "direction": call.direction, "timestamp": write_rfc3339(at)}


def _error(status: int, kind: str, title: str) -> Reply:
    return json_reply(status, {"type": kind, "error_title": title})
