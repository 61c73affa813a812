"""A customer of Aircall."""

import json
from datetime import datetime

from tests.support.sender import Sender, SimulatedSender
from vault.simulator.exchange import Webhook


class AircallSender(SimulatedSender):
    """Its proof is inside the body: a token, which is put there again whatever was changed."""

    unsealed = True

    def __init__(self) -> None:
        """Make up a customer."""
        super().__init__("aircall", lambda *_delivery: {}, media=("data", "recording"))

    def prove(self, body: bytes, url: str, at: datetime) -> Webhook:
        """Return ``body`` with the token in it."""
        return super().prove(self._with_token(body, self.credentials["token"]), url, at)

    def unsigned(self, webhook: Webhook) -> Webhook:
        """Return the delivery without the token."""
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


def make_sender() -> Sender:
    """Return a new customer."""
    return AircallSender()
