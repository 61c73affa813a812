"""Who sends webhooks of a provider: a true payload, and the proof that belongs to any bytes at all.

The simulators sign what they say themselves. Hostile deliveries need more: the same scheme over a body that was
changed, at another time, or for another's URL. Bodies are proved as the provider would, malformed or not, so
that a test reaches what lies behind the signature.
"""

import base64
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from vault.simulator.call import call_that_ended
from vault.simulator.exchange import Webhook
from vault.simulator.registry import SIMULATED

#: Where every connection's REST interface is said to be: the provider's own host, at a private address.
API_BASE = "https://localhost"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Payload = dict[str, Any]
#: Takes the simulated provider, the webhook's URL, the body and the moment; returns the headers of proof.
Prover = Callable[[Any, str, bytes, datetime], Mapping[str, str]]


class Sender(ABC):
    """One customer of one provider, with credentials of its own."""

    name: str
    #: What the vault's connection is told.
    credentials: Mapping[str, str]
    #: Where in the payload the URL of the media stands.
    media: tuple[str, ...]
    content_type: str = JSON
    #: Whether the scheme says when a delivery was signed.
    timed: bool = False
    #: Whether nothing of a body is signed: a sender who knows the token may change the rest.
    unsealed: bool = False

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


class SimulatedSender(Sender):
    """Sends what the provider's simulator says, under a proof of its own."""

    def __init__(
        self,
        name: str,
        prover: Prover,
        *,
        media: tuple[str, ...],
        content_type: str = JSON,
        timed: bool = False,
    ) -> None:
        """Make up a customer."""
        self.name, self.media, self.content_type, self.timed = name, media, content_type, timed
        self._prover, self._provider = prover, SIMULATED[name](API_BASE)
        self.credentials = self._provider.credentials

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        """Return ``body`` with the headers that prove it."""
        headers = {"Content-Type": self.content_type, **self._prover(self._provider, url, body, at)}
        return Webhook(event="proved", headers=headers, body=body)

    def _said(self, url: str) -> Payload:
        ref = self._provider.new_call_ref()
        call = call_that_ended(datetime.now(UTC), ref=ref, direction="inbound")
        body = self._provider.recording_event(self._provider.keep(call, b""), url).body
        return dict(parse_qsl(body.decode())) if self.content_type == FORM else dict(json.loads(body))


def pairs(body: bytes) -> list[tuple[str, str]]:
    """Return the sorted fields of a form."""
    return sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True))


def twilio_api_prover(key: str, *headers: str) -> Prover:
    """Return what signs a form as Twilio's API does, with one of the credentials, in each of ``headers``."""

    def prove(provider: Any, url: str, body: bytes, _at: datetime) -> Mapping[str, str]:
        # Of a field that is there twice with one value, one counts.
        signed = url + "".join(name + value for name, value in sorted(set(pairs(body))))
        digest = hmac.digest(provider.credentials[key].encode(), signed.encode(), "sha1")
        return dict.fromkeys(headers, base64.b64encode(digest).decode())

    return prove
