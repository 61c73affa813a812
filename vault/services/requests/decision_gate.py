"""The gate before a decision on a request that can need a second person."""

from collections.abc import Callable, Mapping, Sequence
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
        for effect, verb in _GATED.items():
            if effect in effects and (approved is None or approved.approval.kind == verb):
                counts, things = _found(tx, request, ruling, erases=effect == "erase")
                pass_gate(tx, request.account_id, verb, approved, counts, things=things)

    return gate


def _found(
    tx: Transaction, request: Request, ruling: Ruling, *, erases: bool
) -> tuple[Mapping[str, int], Sequence[str]]:
    """Return what was found, as numbers and by id; of an erasure also what a hold keeps nevertheless."""
    counts = {"recordings": len(ruling.recordings), "calls": len(ruling.calls)}
    to_erase = [
        one for one in ruling.recordings if effect_of(request.kind, ruling.verdict_on(one)) == "erase"
    ]
    kept = tx.holds.kept(request.account_id, to_erase, tx.now()) if erases else set[str]()
    if kept:
        counts["held"] = len(kept)
    return counts, [*ruling.recordings, *ruling.calls, *(f"held {one}" for one in kept)]
