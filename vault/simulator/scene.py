"""Everybody and everything in one simulation: the provider, the vault, the call's direction, and what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vault.domain.calls.call import Direction
from vault.domain.consent.consent_event import Party
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.provider import SimulatedProvider
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import VaultClient

#: Tells people what happens: a word or two, and a line.
Say = Callable[[str, str], None]


@dataclass(slots=True, kw_only=True, repr=False)
class Scene:
    """One simulation, as everyone in it sees it. It has no repr: the client holds a key."""

    provider: SimulatedProvider
    server: ProviderServer
    vault: VaultClient
    direction: Direction
    audio: bytes
    say: Say
    #: A sentence for everything that does not hold.
    failures: list[str] = field(default_factory=list)

    @property
    def outside(self) -> Party:
        """Return the party outside the account, who must be told of the recording."""
        return "caller" if self.direction == "inbound" else "callee"

    def record(self, call: SimulatedCall, *, expired: bool = False) -> Copy:
        """Let the provider have a recording of the call."""
        return self.provider.keep(call, self.audio, expired=expired)
