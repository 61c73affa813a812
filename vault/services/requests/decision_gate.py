"""The gate before a decision on a request that can need a second person."""

from collections.abc import Callable, Mapping
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.approvals.rule import Verb
from vault.domain.requests.decision import Effect, effect_of
from vault.domain.requests.request import Request, Ruling
from vault.services.shared.approval_gate import Approved, pass_gate

#: What a decision does, and the act that a rule names for it.
_GATED: Final[Mapping[Effect, Verb]] = {"erase": "request_erasure", "provide": "request_export"}


def decision_gate(
    request: Request, ruling: Ruling, approved: Approved | None
) -> Callable[[Transaction], None]:
    """Return the gate of a decision. A decision that neither erases nor discloses data needs no approval."""

    def gate(tx: Transaction) -> None:
        verdicts = (ruling.default, *ruling.verdicts.values())
        effects = {effect_of(request.kind, verdict) for verdict in verdicts}
        found = {"recordings": len(ruling.recordings), "calls": len(ruling.calls)}
        for effect, verb in _GATED.items():
            if effect in effects and (approved is None or approved.approval.kind == verb):
                pass_gate(tx, request.account_id, verb, approved, found)

    return gate
