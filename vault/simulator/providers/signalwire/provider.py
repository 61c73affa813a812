"""Simulated SignalWire compatibility API: Twilio's forms, signed with the project's signing key.

Ids are UUIDs, and all paths begin with /api/laml. Sources: SignalWire's compatibility API (calls,
webhooks) and its guide to webhook security.
"""

import secrets
import uuid
from collections.abc import Mapping
from typing import ClassVar

from vault.domain.calls.call import Direction
from vault.simulator.call import SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.twilio_api_provider import TwilioApiProvider, form_signature, form_webhook
from vault.simulator.twiml import GATHER, SPOKEN, Dialect

#: cXML has no element that records in the background.
CXML = Dialect(known={**SPOKEN, "Gather": GATHER | {"method"}, "Redirect": frozenset({"method"})})


class SignalWire(TwilioApiProvider):
    """The provider ``signalwire``."""

    name: ClassVar[str] = "signalwire"
    prefix: ClassVar[str] = "/api/laml/2010-04-01"
    dialect: ClassVar[Dialect] = CXML

    def __init__(self, base: str) -> None:
        """Generate a project, its signing key and its API token."""
        super().__init__(base)
        self._project, self._key = str(uuid.uuid4()), f"PSK_{secrets.token_urlsafe(24)}"
        self._token = f"PT{secrets.token_hex(24)}"

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the signing key and the REST API's credentials; the space is unused because of api_base."""
        return {
            "signing_key": self._key,
            "project_id": self._project,
            "api_token": self._token,
            "space": "simulated",
        }

    @property
    def account(self) -> str:
        """Return the project."""
        return self._project

    @property
    def password(self) -> str:
        """Return the API token."""
        return self._token

    def new_call_ref(self) -> str:
        """Return a CallSid, a UUID."""
        return str(uuid.uuid4())

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return a RecordingSid, a UUID."""
        return self.id_of("RE", call, "recording")

    def id_of(self, kind: str, call: SimulatedCall, what: str) -> str:  # noqa: ARG002 - its ids do not contain the kind
        """Return a UUID."""
        return str(call.related(what))

    def agent(self, direction: Direction) -> str | None:
        """Return the client that an inbound call was connected to."""
        return "robin" if direction == "inbound" else None

    def signed(self, event: str, url: str, fields: Mapping[str, str]) -> Webhook:
        """Return the form with the signature in both headers."""
        signature = form_signature(self._key, url, fields)
        return form_webhook(
            event, fields, {"X-SignalWire-Signature": signature, "X-Twilio-Signature": signature}
        )
