"""Simulated Twilio: forms with X-Twilio-Signature, recordings below /2010-04-01/Accounts.

Sources: twilio.com/docs/voice/twiml/recording, /docs/usage/webhooks/webhooks-security, the Recordings resource.
"""

import secrets
from collections.abc import Mapping
from typing import ClassVar

from vault.domain.calls.call import Direction
from vault.simulator.call import SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.twilio_api_provider import TwilioApiProvider, form_signature, form_webhook
from vault.simulator.twiml import GATHER, RECORDING, SPOKEN, Dialect

TWIML = Dialect(
    known={
        **SPOKEN,
        "Gather": GATHER | {"method"},
        "Start": frozenset(),
        "Recording": RECORDING | {"trim"},
        "Redirect": frozenset({"method"}),
    }
)


class Twilio(TwilioApiProvider):
    """The provider ``twilio``."""

    name: ClassVar[str] = "twilio"
    prefix: ClassVar[str] = "/2010-04-01"
    dialect: ClassVar[Dialect] = TWIML

    def __init__(self, base: str) -> None:
        """Generate an account and its auth token, for webhook signatures and the REST API."""
        super().__init__(base)
        self._account, self._token = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)

    @property
    def credentials(self) -> Mapping[str, str]:
        """Return the account's sid and auth token."""
        return {"account_sid": self._account, "auth_token": self._token}

    @property
    def account(self) -> str:
        """Return the AccountSid."""
        return self._account

    @property
    def password(self) -> str:
        """Return the auth token."""
        return self._token

    def new_call_ref(self) -> str:
        """Return a CallSid."""
        return f"CA{secrets.token_hex(16)}"

    def new_recording_ref(self, call: SimulatedCall) -> str:
        """Return a RecordingSid."""
        return self.id_of("RE", call, "recording")

    def id_of(self, kind: str, call: SimulatedCall, what: str) -> str:
        """Return two letters and 32 hexadecimal digits."""
        return kind + call.related(what).hex

    def agent(self, direction: Direction) -> str | None:
        """Return the client that an inbound call was connected to."""
        return "robin" if direction == "inbound" else None

    def signed(self, event: str, url: str, fields: Mapping[str, str]) -> Webhook:
        """Return the form with Twilio's signature, HMAC-SHA1 with the auth token."""
        headers = {
            "X-Twilio-Signature": form_signature(self._token, url, fields),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
            "User-Agent": "TwilioProxy/1.1",
        }
        return form_webhook(event, fields, headers)
