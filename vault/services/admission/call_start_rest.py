"""Call start over REST: answer a platform's request for a decision, with every reason."""

from dataclasses import dataclass

from vault.domain.calls.call import CallFacts
from vault.services.admission.call_start import CallAnswer, CallStart


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Store a call's facts, and decide whether and how it may be recorded."""

    call_start: CallStart

    async def __call__(self, account_id: str, facts: CallFacts) -> CallAnswer:
        """Return the decision, with the notices to play. Raises Unavailable."""
        return await self.call_start(account_id, facts)
