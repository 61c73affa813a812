"""Decide on a call by its facts, and by the account's switch, policy and objections, which this collects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.database.stores.calls.call_state import GateState
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.domain.admission.decision import AdmissionInput, Decision, Place, decide
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.consent.objecting_party import objection_waits
from vault.domain.legal_rules.rule import Demand, Rule, RuleBook, strictest
from vault.services.admission.call_context import CallContext, DecisionState, call_span, places_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Decide on calls: at call start, announcement, upload, fetch, gate and release."""

    rule_book: RuleBook

    def unchanged(self, tx: Transaction, account_id: str, known: CallContext) -> bool:
        """Return whether no fact or consent event was added to the call since ``known`` was read."""
        fact_ids, consent_rows = tx.call_facts.rows_of_call(account_id, known.facts.call_ref)
        return fact_ids == frozenset(known.fact_ids) and consent_rows == known.consent_rows

    def decide(
        self,
        tx: Transaction,
        account_id: str,
        known: CallContext,
        *,
        received_at: datetime,
        epoch_at_receipt: int | None = None,
        duration: timedelta | None = None,
        described: bool = False,
        released: bool = False,
        seen: GateState | None = None,
    ) -> Decision:
        """Decide by what this transaction sees; if the decision must stay true, the caller holds the account's lock.

        ``seen`` is what this transaction has read of the account already.
        """
        switch = tx.accounts.switch(account_id) if seen is None else seen.switch
        needs_history = switch.was_off and epoch_at_receipt is not None
        state = DecisionState(
            switch=switch,
            policy=tx.policies.current(account_id) if seen is None else seen.policy,
            history=tx.accounts.switch_history(account_id) if needs_history else (),
            objections=tuple(row.objection for row in _objections(tx, account_id, known)),
            numbers_compared=not (
                (known.is_unreadable and tx.objections.any_active(account_id))
                or (known.is_spelled and tx.objections.any_unread(account_id))
            ),
        )
        return self.decide_by(
            state,
            known,
            received_at=received_at,
            epoch_at_receipt=epoch_at_receipt,
            duration=duration,
            described=described,
            released=released,
        )

    def decide_by(
        self,
        state: DecisionState,
        known: CallContext,
        *,
        received_at: datetime,
        epoch_at_receipt: int | None = None,
        duration: timedelta | None = None,
        described: bool = False,
        released: bool = False,
    ) -> Decision:
        """Decide by a state that was read before."""
        policy = state.policy
        places = places_of(known, policy)
        return decide(
            AdmissionInput(
                switch=state.switch,
                history=state.history,
                span=call_span(known.claims, received_at=received_at, duration=duration, described=described),
                epoch_at_receipt=epoch_at_receipt,
                places=places,
                demand=self._demand(places, policy),
                policy=policy,
                outside=known.claims.outside,
                events=known.events,
                objections=state.objections,
                released=released,
                facts_complete=len(known.fact_ids) < MAX_FACTS,
                numbers_compared=state.numbers_compared,
                objection_waits=objection_waits(known.events, known.statements),
                rule_book=self.rule_book.version,
            )
        )

    def _demand(self, places: Sequence[Place], policy: ConsentPolicy) -> Demand:
        overrides = {override.place: override for override in policy.overrides}

        def rule(place: str | None) -> Rule:
            shipped = self.rule_book.of(place)
            own = overrides.get(place or "*") or overrides.get(shipped.place)
            return shipped if own is None else own.apply(shipped)

        return strictest([rule(place) for place in dict.fromkeys(item.place for item in places)])


def _objections(tx: Transaction, account_id: str, known: CallContext) -> Sequence[ObjectionRow]:
    if not known.claims.numbers:
        return ()
    return tx.objections.of_call(account_id, known.facts.call_ref, known.numbers)
