"""What the vault must know of its recordings, in a few words for each."""

from dataclasses import dataclass, field
from typing import Literal

from tests.support.tenant import tone
from vault.domain.recordings.recording import IN_FLIGHT, State

BODIES = (tone(0.2), tone(0.3))
Fate = Literal["alive", "refused", "failed", "erased"]


@dataclass
class Known:
    """One recording as the model knows it."""

    call: str
    #: Which of BODIES.
    body: int
    fate: Fate
    id: str
    restricted: bool = False
    #: False for an upload whose client was told that it must send again.
    whole: bool = True


@dataclass
class Model:
    """The whole model: what must come true of every recording, whatever fails on the way."""

    enabled: bool = True
    declined: set[str] = field(default_factory=set)
    #: Whether it was on at the moment of each call, of which something was said at that moment first.
    on_at: dict[str, bool] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    #: The version of the account's key that seals.
    key_version: int = 1

    def fate(self, call: str) -> Fate:
        """Return what becomes of something that comes now."""
        on = self.enabled and self.on_at.get(call, True)
        return "alive" if on and call not in self.declined else "refused"

    def tell(self, call: str) -> None:
        """Something is reported about a call: the first time, of a call of this moment."""
        self.on_at.setdefault(call, self.enabled)

    def refuse_in_flight(self, states: dict[str, State], call: str | None = None) -> None:
        """Refuse for good what had not become available; a decline also stops what had."""
        for ref, known in self.known.items():
            if known.fate != "alive" or call not in {None, known.call}:
                continue
            if states[ref] in IN_FLIGHT:
                known.fate = "refused"
            elif call is not None:
                known.restricted = True

    def fail(self, before: dict[str, State], after: dict[str, State]) -> list[str]:
        """What failed has failed for good; return which."""
        failed = [ref for ref, state in after.items() if state is State.FAILED and before[ref] is not state]
        for ref in failed:
            assert self.known[ref].fate == "alive"
            self.known[ref].fate = "failed"
        return failed
