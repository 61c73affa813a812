"""Zapier's Catch Hook, as help.zapier.com describes it: it takes JSON, and says that it has taken whatever came."""

from collections.abc import Mapping
from secrets import token_hex
from typing import ClassVar

from vault.simulator.crm.receiver import SimulatedReceiver
from vault.simulator.exchange import Reply, VaultRequest, json_reply


class SimulatedZapier(SimulatedReceiver):
    """A Zap that keeps what it is sent."""

    name: ClassVar[str] = "zapier"

    def __init__(self) -> None:
        """Begin with a new hook."""
        super().__init__()
        self.path = f"/hooks/catch/123456/{token_hex(4)}/"
        self.key = "https://hooks.zapier.com" + self.path

    @property
    def settings(self) -> Mapping[str, str]:
        """Return that it has none."""
        return {}

    def is_authentic(self, asked: VaultRequest) -> bool:  # noqa: ARG002 - the base class's
        """Take every request: the address is the secret."""
        return True

    def unauthorized(self) -> Reply:
        """Return nothing: it never says so."""
        raise NotImplementedError

    def serve(self, asked: VaultRequest) -> Reply:
        """Start the Zap, if the address is its own; the answer is the same without one."""
        if asked.path == self.path:
            self.take(asked)
        return json_reply(200, {"attempt": token_hex(8), "id": token_hex(8), "status": "success"})
