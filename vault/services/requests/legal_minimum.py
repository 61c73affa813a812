"""Name the law that forbids an erasure, for the receipt of its refusal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vault.domain.requests.request import Verdict
from vault.errors import Tampered
from vault.services.requests.package_about import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalMinimum:
    """Read the statute of a recording's minimum with the ground ``legal_obligation``, and when it ends."""

    retention: Callable[[str, str], Awaitable[Kept]]

    async def __call__(self, account_id: str, recording_id: str) -> Verdict:
        """Return the verdict on a recording that a legal minimum keeps. Raises NotFound, RecordingErased.

        Of several minima the one counts that ends last; without a statute and an end if the policy has none any more,
        or the facts of the call cannot be read.
        """
        try:
            terms = (await self.retention(account_id, recording_id)).terms
        except Tampered:
            return Verdict(code="kept_legal_obligation")
        statutes = [
            bound.statute
            for bound in terms.bounds
            if bound.kind == "minimum"
            and bound.ground == "legal_obligation"
            and bound.until == terms.legal_until
        ]
        return Verdict(
            code="kept_legal_obligation",
            statute=next((statute for statute in statutes if statute), None),
            until=terms.legal_until,
        )
