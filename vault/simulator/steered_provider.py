"""The base class of providers that request a document at the start of a call and after each step."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

from vault.simulator.call import SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.instructions import Instruction
from vault.simulator.provider import SimulatedProvider

#: The reason of a request for a document: the call starts, the wait for a key has ended, or a document redirects.
Asking = Literal["start", "key", "next"]


class SteeredProvider(SimulatedProvider):
    """A provider whose calls are controlled by documents."""

    @abstractmethod
    def asks(
        self, call: SimulatedCall, url: str, asking: Asking, *, key: str | None = None, payload: object = None
    ) -> Webhook:
        """Return the signed request for the document at ``url``, with the pressed key, if any."""

    @abstractmethod
    def read(self, document: bytes, call: SimulatedCall) -> Sequence[Instruction]:
        """Parse a document to instructions. Raises Invalid."""

    @abstractmethod
    def around(self, call: SimulatedCall, url: str) -> tuple[Sequence[Webhook], Sequence[Webhook]]:
        """Return the signed events before the first request for a document, and those after the last."""

    def begins(self, call: SimulatedCall) -> None:
        """Make the call known to the REST API."""

    def begun(self, call: SimulatedCall) -> str | None:  # noqa: ARG002 - most providers start recordings by documents
        """Return the callback URL of a recording that the REST API started, or None."""
        return None
