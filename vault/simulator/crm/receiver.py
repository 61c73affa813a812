"""What the simulated receivers of messages have in common: they keep the last state of each call by its id."""

from collections.abc import Mapping
from typing import Any

from vault.simulator.crm.crm import Record, SimulatedCrm, json_body
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import VaultRequest

_IDS = {"id", "doorway"}
#: What the ``data`` of each message has at least, and what it may have.
FACTS = {"id", "doorway", "started_at", "notes"}
MORE = {*FACTS, "agent", "direction", "caller", "callee", "duration_seconds"}
MESSAGES: Mapping[str, tuple[set[str], set[str]]] = {
    "call.handed_over": (FACTS, MORE),
    "call.changed": (FACTS, MORE),
    "call.restricted": (_IDS, _IDS),
    "call.removed": ({"id"}, {"id"}),
}


class SimulatedReceiver(SimulatedCrm):
    """A program that carries out what the messages say."""

    #: It keeps JSON, in which nothing is markup.
    is_plain = True

    def token_server(self) -> TokenServer:
        """Return one that nobody asks."""
        return TokenServer(path="/none")

    def take(self, asked: VaultRequest) -> None:
        """Carry out a message. Raises ValueError and KeyError for one that it does not know."""
        said: dict[str, Any] = json_body(asked)
        least, most = MESSAGES[said["type"]]
        if set(said) != {"type", "data"} or not least <= set(said["data"]) <= most:
            raise ValueError("The message has other fields.")
        data = said["data"]
        if said["type"] == "call.removed":
            if data["id"] in self.records:
                self.records[data["id"]] = Record(id=data["id"], fields=data, removed=True)
        else:
            self.records[data["id"]] = Record(id=data["id"], fields=data)
