"""What a provider does besides, if it asks for a document at the start of a call and after each step of it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from vault.simulator.call import SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.instructions import Instruction
from vault.simulator.provider import SimulatedProvider

#: Why a document is asked for: the call begins, a key was waited for, or the last document led there.
Asking = Literal["start", "key", "next"]


class SteeredProvider(SimulatedProvider):
    """A provider whose calls can be steered by documents."""

    @abstractmethod
    def asks(
        self, call: SimulatedCall, url: str, asking: Asking, *, key: str | None = None, payload: object = None
    ) -> Webhook:
        """Return the signed request for the document at ``url``, with the key that was pressed, if one was."""

    @abstractmethod
    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:
        """Return what a document makes the provider do. Raises Invalid for what it cannot read."""

    @abstractmethod
    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the signed events before the first document is asked for, and those after the last one."""

    def begins(self, call: SimulatedCall) -> None:
        """Let the call be there for whoever asks the REST interface about it."""

    def begun(self, call: SimulatedCall) -> str | None:  # noqa: ARG002 - documents do it, at most providers
        """Return where a recording is told of that was begun by the REST interface; None without one."""
        return None
