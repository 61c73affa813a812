"""What a decision on a request is on: what was found when it was made, and what came since of the same calls.

It is read by the ids that the decision names. A later search could find something else: more than is allowed, or less,
where a late report changed the time of a call or made the spelling of its number ambiguous.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from vault.database.stores.requests.person_search import PersonCall, PersonRecording
from vault.database.transaction import Transaction
from vault.domain.requests.decision import WAITS, Effect, effect_of
from vault.domain.requests.request import Kind, Request, Ruling, Verdict
from vault.services.requests.sealed_requests import ruling_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is left of that, oldest first."""

    #: The decision, with what came since.
    ruling: Ruling
    #: Those that are not erased.
    recordings: Sequence[PersonRecording]
    #: Calls that have facts, and no recording that is not erased.
    calls: Sequence[PersonCall]

    def with_effect(self, kind: Kind, effect: Effect) -> Sequence[PersonRecording]:
        """Return the recordings on which the decision on a request of this kind has this effect."""
        return [one for one in self.recordings if effect_of(kind, self.ruling.verdict_on(one.id)) == effect]


def read_decided(tx: Transaction, request: Request) -> Decided:
    """Read it. A recording that was there when the decision was made and is not in it is never added."""
    ruling, account_id = ruling_of(request), request.account_id
    calls_of = tx.person_search.calls_of(account_id, ruling.recordings)
    known = defaultdict[str, set[Verdict]](set)
    for name, call_ref in chain(calls_of.items(), zip(ruling.calls, ruling.calls, strict=True)):
        known[call_ref].add(ruling.verdict_on(name))
    recordings, calls = tx.person_search.left_of_calls(account_id, known)
    named, named_calls = frozenset(ruling.recordings), frozenset(ruling.calls)
    late = [one for one in recordings if one.id not in named and one.received_at >= ruling.at]
    late_calls = [one for one in calls if one.call_ref not in named_calls]
    verdicts = dict(ruling.verdicts)
    for name, call_ref in chain(
        ((one.id, one.call_ref) for one in late), ((one.call_ref, one.call_ref) for one in late_calls)
    ):
        verdict = _on_late(tx, request, known[call_ref], call_ref)
        if verdict != ruling.default:
            verdicts[name] = verdict
    added = frozenset(one.id for one in late)
    return Decided(
        ruling=replace(
            ruling,
            verdicts=verdicts,
            recordings=(*ruling.recordings, *(one.id for one in late)),
            calls=(*ruling.calls, *(one.call_ref for one in late_calls)),
        ),
        recordings=[one for one in recordings if one.id in named or one.id in added],
        calls=calls,
    )


def _on_late(tx: Transaction, request: Request, known: Collection[Verdict], call_ref: str) -> Verdict:
    """Return the verdict on what came late of a call: that on the call, or the default where there are several.

    Also where the worker may have written the only one, for a reason that holds for one recording alone.
    """
    default = ruling_of(request).default
    verdict = next(iter(known)) if len(known) == 1 else default
    is_workers = (
        verdict.code == "not_provided"
        or (verdict.code == "no_match" and effect_of(request.kind, default) == "note")
        or (verdict.code == WAITS and tx.pending_calls.has(request.account_id, call_ref))
    )
    return default if is_workers else verdict
