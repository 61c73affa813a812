"""Call start: the platform asks whether to record, and the vault answers with every reason."""

from dataclasses import dataclass

from vault.domain.calls.call import CallFacts
from vault.services.admission.call_start import CallAnswer, CallStart


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Keep what the platform says of a call, and decide whether and how it may be recorded."""

    call_start: CallStart

    async def __call__(self, account_id: str, facts: CallFacts) -> CallAnswer:
        """Return the decision, with the notices to play. Raises Unavailable."""
        return await self.call_start(account_id, facts)
