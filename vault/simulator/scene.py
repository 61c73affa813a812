"""The shared state of one simulation: the provider, the vault, the call's direction, and the failures."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vault.domain.calls.call import Direction
from vault.domain.consent.consent_event import Party
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.provider import SimulatedProvider
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import VaultClient

#: Prints a step: a short label, and a line of text.
Say = Callable[[str, str], None]


@dataclass(slots=True, kw_only=True, repr=False)
class Scene:
    """The shared state of one simulation. It has no repr: the client contains a key."""

    provider: SimulatedProvider
    server: ProviderServer
    vault: VaultClient
    direction: Direction
    audio: bytes
    say: Say
    #: A sentence for each failed check.
    failures: list[str] = field(default_factory=list)

    @property
    def outside(self) -> Party:
        """Return the party outside the account, who must be informed of the recording."""
        return "caller" if self.direction == "inbound" else "callee"

    def record(self, call: SimulatedCall, *, expired: bool = False) -> Copy:
        """Store a recording of the call at the provider."""
        return self.provider.keep(call, self.audio, expired=expired)
