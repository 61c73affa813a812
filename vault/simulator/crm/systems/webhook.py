"""A receiver of signed messages, as Standard Webhooks describes one: it verifies, and takes a repeated one once."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from secrets import token_bytes
from typing import ClassVar

from vault.simulator.crm.receiver import SimulatedReceiver
from vault.simulator.exchange import Reply, VaultRequest, json_reply

PATH = "/vault/calls"


class SimulatedWebhook(SimulatedReceiver):
    """A program of the customer with one secret."""

    name: ClassVar[str] = "webhook"

    def __init__(self) -> None:
        """Begin with a new secret."""
        super().__init__()
        self.key = "whsec_" + base64.b64encode(token_bytes(32)).decode()
        #: Ids of the messages that were carried out.
        self.taken: set[str] = set()

    @property
    def settings(self) -> Mapping[str, str]:
        """Return its address."""
        return {"url": f"https://calls.customer.example{PATH}"}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Verify the signature."""
        said, time = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "")
        if not said or not re.fullmatch("[0-9]{10}", time):
            return False
        try:
            secret = base64.b64decode(self.key.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return False
        digest = hmac.digest(secret, f"{said}.{time}.".encode() + asked.body, hashlib.sha256)
        own = "v1," + base64.b64encode(digest).decode()
        return any(
            hmac.compare_digest(own, one) for one in asked.headers.get("webhook-signature", "").split(" ")
        )

    def unauthorized(self) -> Reply:
        """Return that the signature is another."""
        return json_reply(401, {"error": "signature"})

    def serve(self, asked: VaultRequest) -> Reply:
        """Carry out a message whose id is new."""
        if (asked.method, asked.path) != ("POST", PATH):
            return json_reply(404, {})
        if asked.headers["webhook-id"] not in self.taken:
            self.take(asked)
            self.taken.add(asked.headers["webhook-id"])
        return Reply(status=204)
