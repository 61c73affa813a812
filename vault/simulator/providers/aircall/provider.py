"""Simulated Aircall: JSON authenticated only by a token in the body, and media at pre-signed URLs.

Sources: developer.aircall.io, webhooks overview, work with call data, API reference; captured
payloads. Aircall records mp3; the simulator also labels the sample as mp3, whatever its format.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from vault.domain.calls.call import Direction
from vault.simulator.call import CUSTOMER, LINE, Copy, SimulatedCall
from vault.simulator.exchange import Reply, VaultRequest, Webhook, json_reply
from vault.simulator.presigned import PresignedMedia
from vault.simulator.provider import SimulatedProvider, json_body, same

_CALL = re.compile(r"/v1/calls/([0-9]+)")
_MEDIA = re.compile(r"/companies/42/recordings/call-([0-9]+)-[0-9a-f]+\.mp3")
_PAUSE = re.compile(r"/v1/calls/([0-9]+)/(pause|resume)_recording")
_DELETE = re.compile(r"/v1/calls/([0-9]+)/(?:recording|voicemail)")
_AGENT = "Robin Fields"
#: Events after the end of the call.
_OVER = frozenset({"call.hungup", "call.ended"})
#: The account's line and its user, with the keys of captured payloads.
_NUMBER = {
    "id": 1234,
    "direct_link": "https://api.aircall.io/v1/numbers/1234",
    "name": "Support",
    "digits": f"+1 {LINE[2:5]}-{LINE[5:8]}-{LINE[8:]}",
    "e164_digits": LINE,
    "country": "US",
    "time_zone": "America/Los_Angeles",
    "open": True,
    "availability_status": "open",
    "is_ivr": False,
    "live_recording_activated": True,
    "messages": {"welcome": None, "voicemail": None},
}
_USER = {
    "id": 456,
    "direct_link": "https://api.aircall.io/v1/users/456",
    "name": _AGENT,
    "email": "robin@example.com",
    "available": False,
    "availability_status": "available",
    "language": "en-US",
    "wrap_up_time": 0,
}


class Aircall(SimulatedProvider):
    """The provider ``aircall``."""

    name: ClassVar[str] = "aircall"
    renews: ClassVar[bool] = True

    def __init__(self, base: str) -> None:
        """Generate the webhook's token, and an API id with its token."""
        super().__init__(base)
        self._token, self._api_id = secrets.token_hex(16), secrets.token_hex(16)
        self._api_token = secrets.token_hex(16)
        self._media = PresignedMedia(base)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the webhook's token, and the REST API's id and token."""
        return {"token": self._token, "api_id": self._api_id, "api_token": self._api_token}

    def new_call_ref(self) -> str:
        """Return a number, as Aircall's call ids are."""
        return str(800_000_000 + secrets.randbelow(99_999_999))

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return the call's id: a recording has no id of its own."""
        return call.ref

    def agent(self, direction: Direction) -> str | None:  # noqa: ARG002 - the same in both directions
        """Return the user's name."""
        return _AGENT

    def call_events(self, call: SimulatedCall, url: str) -> Sequence[Webhook]:  # noqa: ARG002 - the URL is not signed
        """Return created, ringing, answered and hungup; the last has no recording, because it is not ready."""
        names = ["call.created", "call.ringing_on_agent", "call.answered", "call.hungup"]
        if call.direction == "outbound":
            names.remove("call.ringing_on_agent")
        return [self._event(name, _call_object(call, name)) for name in names]

    def recording_event(self, copy: Copy, url: str) -> Webhook:  # noqa: ARG002 - the URL is not signed
        """Return ``call.ended``, half a minute after the end, with the pre-signed URL of the recording."""
        return self._event("call.ended", self._with_media(copy, expired=copy.expired))

    def forged(self, webhook: Webhook) -> Webhook:
        """Return the webhook with another token: it is the only authentication."""
        body = webhook.body.replace(self._token.encode(), secrets.token_hex(16).encode())
        return replace(webhook, body=body)

    def answer(self, asked: VaultRequest) -> Reply:
        """Answer media by pre-signed URL, and REST with Basic: 401 without credentials, 403 with wrong ones."""
        if match := _MEDIA.fullmatch(asked.path):
            return self._media.answer(asked, self.find(match[1]), "audio/mpeg")
        if "authorization" not in asked.headers:
            return _error(401, "Unauthorized", "Use Basic authentication.")
        if not same(asked.basic, self._api_id, self._api_token):
            return _error(403, "Forbidden", "Check api_id and api_token.")
        return self._rest(asked)

    def _rest(self, asked: VaultRequest) -> Reply:
        if asked.method == "GET" and asked.path == "/v1/calls":
            return self._list(asked)
        if asked.method == "GET" and (match := _CALL.fullmatch(asked.path)):
            copy = self._call(match[1])
            return _missing() if copy is None else json_reply(200, {"call": self._with_media(copy)})
        if asked.method == "POST" and (match := _PAUSE.fullmatch(asked.path)):
            return self._change(asked, match[1], paused=match[2] == "pause")
        if asked.method == "DELETE" and (match := _DELETE.fullmatch(asked.path)):
            return self._delete(asked, match[1])
        return _missing()

    def _change(self, asked: VaultRequest, ref: str, *, paused: bool) -> Reply:
        """Pause or resume the recording of a call; one that does not obey is on a number without recording: 405."""
        if not asked.headers.get("content-type", "").startswith("application/json"):
            return _error(400, "Bad request", "Send Content-Type: application/json.")
        if self.change_pause(ref, paused=paused) != paused:
            return _error(405, "Method Not Allowed", "Recording is disabled on this number.")
        return Reply(status=204)

    def _delete(self, asked: VaultRequest, ref: str) -> Reply:
        if not asked.headers.get("content-type", "").startswith("application/json"):
            return _error(400, "Bad request", "Send Content-Type: application/json.")
        copy = self._call(ref)
        if copy is None:
            return _missing()
        if asked.path.endswith("/recording"):
            copy.deleted = True
        return Reply(status=204)

    def _list(self, asked: VaultRequest) -> Reply:
        """List the calls that started since ``from``; a call stays listed after its recording is deleted."""
        size = min(int(asked.parameter("per_page") or "20"), self.page)
        page, since = int(asked.parameter("page") or "1"), int(asked.parameter("from") or "0")
        calls = [copy for copy in self.copies if copy.call.started_at.timestamp() >= since]
        calls.sort(key=lambda copy: copy.call.started_at, reverse=asked.parameter("order") != "asc")
        shown, more = calls[(page - 1) * size : page * size], page * size < len(calls)
        query = urlencode({**dict(asked.query), "page": page + 1})
        meta = {
            "count": len(shown),
            "total": len(calls),
            "current_page": page,
            "per_page": size,
            "next_page_link": f"{self.base}/v1/calls?{query}" if more else None,
            "previous_page_link": None,
        }
        return json_reply(200, {"meta": meta, "calls": [self._with_media(copy) for copy in shown]})

    def _call(self, ref: str) -> Copy | None:
        return next((copy for copy in self.copies if copy.ref == ref), None)

    def _with_media(self, copy: Copy, *, expired: bool = False) -> dict[str, Any]:
        """Return the call object with a recording; its URL has a new query each time."""
        path = f"/companies/42/recordings/call-{copy.ref}-{copy.call.related('media').hex}.mp3"
        ready = {
            "recording": None if copy.deleted else self._media.url(path, expired=expired),
            "asset": f"https://assets.aircall.io/calls/{copy.ref}/recording",
        }
        return _call_object(copy.call, "call.ended") | ready

    def _event(self, name: str, data: Mapping[str, Any]) -> Webhook:
        message = {
            "resource": "call",
            "event": name,
            "timestamp": int(datetime.now(UTC).timestamp()),
            "token": self._token,
            "data": data,
        }
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "axios/1.7.7",
            "aircall-origin": "webhooks",
        }
        return Webhook(event=name, headers=headers, body=json_body(message))


def _call_object(call: SimulatedCall, event: str) -> dict[str, Any]:
    """Return the call object at that event, with the keys of captured payloads."""
    answered, over = event not in ("call.created", "call.ringing_on_agent"), event in _OVER
    data: dict[str, Any] = {
        "id": int(call.ref),
        "direct_link": f"https://api.aircall.io/v1/calls/{call.ref}",
        "call_uuid": f"CA{call.related('uuid').hex}",
        "direction": call.direction,
        "status": "done" if over else ("answered" if answered else "initial"),
        "missed_call_reason": None,
        "started_at": int(call.started_at.timestamp()),
        "answered_at": int(call.answered_at.timestamp()) if answered else None,
        "ended_at": int(call.ended_at.timestamp()) if over else None,
        "duration": call.seconds if over else 0,
        "cost": "0.0",
        "hangup_cause": "normal" if over else None,
        "voicemail": None,
        "recording": None,
        "asset": None,
        "raw_digits": _spaced(CUSTOMER),
        "number": _NUMBER,
        "archived": False,
        "teams": [],
        "comments": [],
        "tags": [{"id": 7, "name": "simulated", "tagged_by": {}}],
        "participants": [{"phone_number": _spaced(CUSTOMER), "type": "external"}],
    }
    if event != "call.created" or call.direction == "outbound":
        # Absent, not null, before a user gets the call.
        data["user"] = _USER
    return data


def _spaced(number: str) -> str:
    """Format a North American number as Aircall does."""
    return f"+1 {number[2:5]}-{number[5:8]}-{number[8:]}"


def _missing() -> Reply:
    return _error(404, "Not Found", "There is no such call.")


def _error(status: int, error: str, troubleshoot: str) -> Reply:
    return json_reply(status, {"error": error, "troubleshoot": troubleshoot})
