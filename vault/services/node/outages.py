"""Tells the worker whether a part of the vault is down, so that work that needs it pauses instead of failing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vault.circuit_breaker import CircuitBreaker
from vault.errors import Unavailable, VaultError
from vault.services.node.readiness_probe import Part, ReadinessProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages:
    """Whether a part answers, by its circuit breaker; a part without one counts as up."""

    probe: ReadinessProbe
    breakers: Mapping[Part, CircuitBreaker] = field(default_factory=dict)

    async def is_up(self, part: Part) -> bool:
        """Return whether work that needs the part may begin.

        A half-open breaker is tested by the part's cheapest request, not by the work on a recording.
        """
        breaker = self.breakers.get(part)
        if breaker is None or breaker.state == "closed":
            return True
        if breaker.state == "open":
            return False
        try:
            await self.probe.check(part)
        except Unavailable:
            return False
        except VaultError:
            return True  # It answers; the work will say what is wrong with it.
        return True
