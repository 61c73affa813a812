"""Who sends webhooks of each provider: a true payload, and the proof that belongs to any bytes at all.

The simulators sign what they say themselves. Hostile deliveries need more: the same scheme over a body that was
changed, at another time, or for another's URL. Bodies are proved as the provider would, malformed or not, so
that a test reaches what lies behind the signature.
"""

import base64
import copy
import hashlib
import hmac
import json
import secrets
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from tests.support.tenant import moment
from vault.simulator.call import call_that_ended
from vault.simulator.exchange import Webhook
from vault.simulator.jwt import sign_hs256
from vault.simulator.providers import SIMULATED
from vault.telephony.signatures.standard_webhooks import sign

#: Where every connection's REST interface is said to be: the provider's own host, at a private address.
API_BASE = "https://localhost"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Payload = dict[str, Any]
#: Takes the simulated provider, the webhook's URL, the body and the moment; returns the headers of proof.
Prover = Callable[[Any, str, bytes, datetime], Mapping[str, str]]


class Sender(ABC):
    """One customer of one provider, with credentials of its own."""

    content_type: ClassVar[str] = JSON
    name: str
    #: What the vault's connection is told.
    credentials: Mapping[str, str]
    #: Where in the payload the URL of the media stands.
    media: tuple[str, ...]
    #: Whether the scheme says when a delivery was signed.
    timed: bool

    @abstractmethod
    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        """Return ``body`` under this customer's proof."""

    @abstractmethod
    def _said(self, url: str) -> Payload:
        """Return the payload of a new recording that is ready."""

    def ready(self, url: str, media: str) -> Payload:
        """Return what says that a new recording is ready, and lies at ``media``."""
        said = self._said(url)
        inner = said
        for key in self.media[:-1]:
            inner = inner[key]
        assert self.media[-1] in inner
        inner[self.media[-1]] = media
        return said

    def body(self, said: Payload) -> bytes:
        """Write a payload as the provider does."""
        if self.content_type == FORM:
            return urlencode(said).encode()
        return json.dumps(said, separators=(",", ":")).encode()

    def signed(self, said: Payload, url: str, *, at: datetime | None = None) -> Webhook:
        """Write a payload and prove it."""
        return self.prove(self.body(said), url, at or datetime.now(UTC))

    def unsigned(self, webhook: Webhook) -> Webhook:
        """Return the delivery without its proof."""
        return Webhook(event="unsigned", headers={"Content-Type": self.content_type}, body=webhook.body)


class _Platform(Sender):
    name, media, timed = "platform", ("data", "recording_url"), True

    def __init__(self) -> None:
        """Make up a secret."""
        self.credentials = {"secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()}

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        headers = sign(self.credentials["secret"], delivery_id=secrets.token_hex(8), sent_at=at, body=body)
        return Webhook(event="proved", headers={"Content-Type": JSON, **headers}, body=body)

    def _said(self, url: str) -> Payload:
        now = datetime.now(UTC)
        data = {
            "call_ref": f"call-{secrets.token_hex(8)}",
            "recording_ref": f"rec-{secrets.token_hex(8)}",
            "recording_url": "",
            "direction": "inbound",
            "from": "+14155550187",
            "to": "+14155550123",
            "agent": "Robin Fields",
            "started_at": moment(now - timedelta(seconds=30)),
            "ended_at": moment(now),
        }
        return {"type": "recording.completed", "timestamp": moment(now), "data": data}


class _Simulated(Sender):
    def __init__(self, name: str, scheme: "Scheme") -> None:
        """Make up a customer."""
        self.name, self.media, self.timed = name, scheme.media, scheme.timed
        self.content_type = scheme.content_type  # type: ignore[misc] - of this provider
        self._prover, self._provider = scheme.prover, SIMULATED[name](API_BASE)
        self.credentials = self._provider.credentials

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        headers = {"Content-Type": self.content_type, **self._prover(self._provider, url, body, at)}
        return Webhook(event="proved", headers=headers, body=body)

    def _said(self, url: str) -> Payload:
        ref = self._provider.new_call_ref()
        call = call_that_ended(datetime.now(UTC), ref=ref, direction="inbound")
        body = self._provider.recording_event(self._provider.keep(call, b""), url).body
        return dict(parse_qsl(body.decode())) if self.content_type == FORM else dict(json.loads(body))


class _Aircall(_Simulated):
    """Its proof is inside the body: a token, which is put there again whatever was changed."""

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        return super().prove(self._with_token(body, self.credentials["token"]), url, at)

    def unsigned(self, webhook: Webhook) -> Webhook:
        return super().unsigned(Webhook(event="", headers={}, body=self._with_token(webhook.body, None)))

    def _with_token(self, body: bytes, token: str | None) -> bytes:
        try:
            said = json.loads(body)
        except ValueError:
            return body
        if not isinstance(said, dict):
            return body
        others = {key: value for key, value in said.items() if key != "token"}
        return self.body(others if token is None else {"token": token, **others})


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How a simulated provider proves what it says."""

    prover: Prover
    media: tuple[str, ...]
    content_type: str = JSON
    timed: bool = False
    kind: type[_Simulated] = _Simulated


def _nothing(provider: Any, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    return {}


def _telnyx(provider: Any, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    stamp = str(int(at.timestamp()))
    signature = provider._key.sign(stamp.encode() + b"|" + body)
    return {
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "telnyx-timestamp": stamp,
    }


def _vonage(provider: Any, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    claims = {
        "iat": int(at.timestamp()),
        "jti": str(uuid.uuid4()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "application_id": provider.credentials["application_id"],
    }
    return {"Authorization": f"Bearer {sign_hs256(claims, provider.credentials['signature_secret'])}"}


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True))


def _laml(key: str, *names: str) -> Prover:
    def prove(provider: Any, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
        # Of a field that is there twice with one value, one counts.
        signed = url + "".join(name + value for name, value in sorted(set(_pairs(body))))
        digest = hmac.digest(provider.credentials[key].encode(), signed.encode(), "sha1")
        return dict.fromkeys(names, base64.b64encode(digest).decode())

    return prove


def _plivo(provider: Any, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
    nonce, fields = secrets.token_hex(10), "".join(name + value for name, value in _pairs(body))
    signed = f"{url}?{fields}.{nonce}" if fields else f"{url}.{nonce}"
    digest = hmac.digest(provider.credentials["auth_token"].encode(), signed.encode(), "sha256")
    return {
        "X-Plivo-Signature-V3": base64.b64encode(digest).decode(),
        "X-Plivo-Signature-V3-Nonce": nonce,
    }


_TWILIO, _SIGNALWIRE = "X-Twilio-Signature", "X-SignalWire-Signature"
SCHEMES: Mapping[str, Scheme] = {
    "aircall": Scheme(prover=_nothing, media=("data", "recording"), kind=_Aircall),
    "telnyx": Scheme(prover=_telnyx, media=("data", "payload", "recording_urls", "wav"), timed=True),
    "vonage": Scheme(prover=_vonage, media=("recording_url",), timed=True),
    "twilio": Scheme(prover=_laml("auth_token", _TWILIO), media=("RecordingUrl",), content_type=FORM),
    "signalwire": Scheme(
        prover=_laml("signing_key", _SIGNALWIRE, _TWILIO), media=("RecordingUrl",), content_type=FORM
    ),
    "plivo": Scheme(prover=_plivo, media=("RecordUrl",), content_type=FORM),
}


def sender(name: str) -> Sender:
    """Return a new customer. Fails for a provider whose scheme is not here: each has to be attacked."""
    if name == "platform":
        return _Platform()
    return SCHEMES[name].kind(name, SCHEMES[name])


def paths(said: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where every field of a payload stands, those that hold others included."""
    inside = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    return [path for key, value in inside for path in ((*at, key), *paths(value, (*at, key)))]


def changed(said: Payload, path: tuple[str | int, ...], change: Callable[[Any, Any], None]) -> Payload:
    """Return a copy whose field at ``path`` was changed by ``change``, which gets what holds it and its key."""
    other: Any = copy.deepcopy(said)
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return dict(other)
