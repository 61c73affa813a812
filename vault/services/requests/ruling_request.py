"""What a client decides on a request, the ruling that it becomes, and the gate of a second person before it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.approvals.rule import Verb
from vault.domain.registers.entries import Recipient
from vault.domain.requests.decision import Effect, effect_of
from vault.domain.requests.request import Informed, Kind, Period, Request, Ruling, Verdict
from vault.errors import Invalid, NotFound
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.requests.find_person import FoundPerson
from vault.services.shared.approval_gate import Approved, Rehearsal, Rehearsed, require_approval

#: What a decision does, and the act that a rule names for it.
_GATED: Final[Mapping[Effect, Verb]] = {"erase": "request_erasure", "provide": "request_export"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulingRequest:
    """A client's decision on a request."""

    default: Verdict
    verdicts: Mapping[str, Verdict]
    reason: str | None
    #: In place of the request's own; and whether the person held the numbers in the gaps between its calls too.
    period: Period | None
    whole_time: bool
    #: When recipients were informed of it, by their id in the register.
    informed: Mapping[str, datetime] = field(default_factory=dict)

    def ruling(self, found: FoundPerson, informed: tuple[Informed, ...], *, at: datetime, by: str) -> Ruling:
        """Return the ruling on what is found."""
        decided = found.decided_by(self.verdicts)
        return Ruling(
            default=self.default,
            verdicts=self.verdicts,
            recordings=tuple(one.id for one in decided.recordings),
            calls=tuple(one.call_ref for one in decided.calls),
            reason=self.reason,
            informed=informed,
            at=at,
            by=by,
        )

    def is_repeated_by(self, ruling: Ruling) -> bool:
        """Return whether a ruling decides the same."""
        return (ruling.default, ruling.verdicts, ruling.reason) == (self.default, self.verdicts, self.reason)


def gated_by(kind: Kind, verdicts: Iterable[Verdict]) -> Mapping[Effect, Verb]:
    """Return the acts that a rule can name for a decision, by what the decision does."""
    effects = {effect_of(kind, verdict) for verdict in verdicts}
    return {effect: verb for effect, verb in _GATED.items() if effect in effects}


def decision_gate(
    request: Request, ruling: Ruling, approved: Approved | None
) -> Callable[[Transaction], None]:
    """Return the gate of a decision. A decision that neither erases nor discloses data needs no approval."""

    def gate(tx: Transaction) -> None:
        for effect, verb in gated_by(request.kind, (ruling.default, *ruling.verdicts.values())).items():
            if approved is None or approved.approval.kind == verb:
                counts, things = _found(tx, request, ruling, erases=effect == "erase")
                require_approval(tx, request.account_id, verb, approved, counts, things=things)
        if isinstance(approved, Rehearsal):
            raise Rehearsed({})

    return gate


def _found(
    tx: Transaction, request: Request, ruling: Ruling, *, erases: bool
) -> tuple[Mapping[str, int], Sequence[str]]:
    """Return what was found, as numbers and by id; of an erasure also what a hold keeps nevertheless."""
    counts = {"recordings": len(ruling.recordings), "calls": len(ruling.calls)}
    if not erases:
        return counts, [*ruling.recordings, *ruling.calls]
    recordings, calls = (
        [one for one in names if effect_of(request.kind, ruling.verdict_on(one)) == "erase"]
        for names in (ruling.recordings, ruling.calls)
    )
    now = tx.now()
    kept = {
        "held": tx.holds.held_among(request.account_id, recordings, now),
        "held_calls": tx.holds.held_calls_among(request.account_id, calls, now),
    }
    counts |= {name: len(held) for name, held in kept.items() if held}
    things = [f"held {one}" for held in kept.values() for one in held]
    return counts, [*ruling.recordings, *ruling.calls, *things]


async def name_informed(
    recipients: SealedEntries[Recipient], request: Request, informed: Mapping[str, datetime], *, now: datetime
) -> tuple[Informed, ...]:
    """Return the recipients whom an account informed of its decision (GDPR art. 19), by id.

    A receipt names them, whatever becomes of their register. Raises Invalid for one that is unknown, and for a time
    that cannot be right.
    """
    found = []
    for place, (recipient, at) in enumerate(sorted(informed.items()), start=1):
        if not request.received_at <= at <= now:
            raise Invalid("informed: each time must be between received_at and now.", field="informed")
        try:
            entry = await recipients.get(request.account_id, recipient)
        except NotFound as error:
            text = f"informed: the register does not have recipient {place} of {len(informed)}, sorted by id."
            raise Invalid(text, field="informed") from error
        found.append(Informed(recipient=recipient, name=entry.content.name, at=at))
    return tuple(found)
