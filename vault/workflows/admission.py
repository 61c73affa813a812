"""Putting a case together: what is known of a call, and what the account has decided, for the one decision.

What was said of a call is sealed, and opening it needs keys that may have to be fetched. So it is read
and opened before the transaction that decides, and that transaction first makes sure that nothing was
said since: a caller who finds that there was begins again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain import encryption_context as bound
from vault.domain.admission import Case, Decision, Place, decide
from vault.domain.call import CallFacts
from vault.domain.call_span import CallSpan
from vault.domain.consent import ConsentEvent, ConsentPolicy, Party
from vault.domain.consent_records import decode_event
from vault.domain.rules import Demand, Rule, RuleBook, strictest
from vault.errors import Invalid
from vault.ports.consent_stores import ConsentRow
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.numbers import Numbers
from vault.ports.stores import CallFactRow
from vault.sealing.message import open_message
from vault.workflows.carried_keys import CarriedKeys
from vault.workflows.seals import join_facts, open_facts, search_term


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of a call, sealed, as one transaction sees it."""

    facts: Sequence[CallFactRow]
    consents: Sequence[ConsentRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCall:
    """What was said of a call, opened, and from how many rows."""

    facts: CallFacts
    #: In the order in which the vault heard of them.
    events: tuple[ConsentEvent, ...]
    #: The keyed hashes of its numbers: for objections, and to find its recordings.
    numbers: tuple[bytes, ...]
    #: The keyed hash of its agent, where there is one.
    agent: tuple[bytes, ...]
    #: Where the prefix of a party's number hints that it is, if nobody said it.
    hints: Mapping[Party, str | None]
    facts_rows: int
    consent_rows: int

    @property
    def terms(self) -> list[bytes]:
        """Return everything by which the call's recordings are found."""
        return [*self.numbers, *self.agent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Shared by every verb that admits: call start, announcement, upload, ingest, gate, release."""

    database: Database
    ring: KeyRing
    rule_book: RuleBook
    numbers: Numbers
    carried: CarriedKeys

    async def know(self, account_id: str, call_ref: str, *own: CallFacts) -> KnownCall:
        """Read and open what was said of a call, after what its own recording says. Raises Unavailable."""
        said = await self.database.read(lambda tx: said_of(tx, account_id, call_ref))
        return await self.open(account_id, call_ref, said, *own)

    async def open(
        self,
        account_id: str,
        call_ref: str,
        said: Said,
        *own: CallFacts,
        fresh: Mapping[str, CallFacts] | None = None,
    ) -> KnownCall:
        """Open what was said of a call, after what its own recording says. Raises Unavailable.

        ``fresh`` are rows that the caller has just written, by id: they need not be opened.
        """
        facts = join_facts(call_ref, [*own, *await open_facts(self.ring, said.facts, fresh)])
        index_key = await self.index_key(account_id)
        written = {number for one in (facts.caller, facts.callee) if one for number in (one, self._e164(one))}
        return KnownCall(
            facts=facts,
            events=tuple([await self._event(row) for row in said.consents]),
            numbers=tuple(search_term(index_key, "number", number) for number in sorted(written)),
            agent=(search_term(index_key, "agent", facts.agent),) if facts.agent is not None else (),
            # Reading a number takes longer than all the queries of a decision, so it is not done under a lock.
            hints={
                "caller": None if facts.caller_place is not None else self.numbers.place(facts.caller),
                "callee": None if facts.callee_place is not None else self.numbers.place(facts.callee),
            },
            facts_rows=len(said.facts),
            consent_rows=len(said.consents),
        )

    async def index_key(self, account_id: str) -> bytes:
        """Return the key under which an account's numbers are hashed. Raises NotFound."""
        return await self.carried.index_key(account_id)

    def unchanged(self, tx: Transaction, account_id: str, known: KnownCall) -> bool:
        """Say whether nothing was said of the call since it was read."""
        said = said_of(tx, account_id, known.facts.call_ref)
        return len(said.facts) == known.facts_rows and len(said.consents) == known.consent_rows

    def decide(
        self,
        tx: Transaction,
        account_id: str,
        known: KnownCall,
        *,
        received_at: datetime,
        epoch_at_receipt: int | None = None,
        duration: timedelta | None = None,
        described: bool = False,
        released: bool = False,
    ) -> Decision:
        """Decide by what this transaction sees; the caller holds the account's lock where that must last."""
        switch, policy = tx.accounts.switch(account_id), tx.policies.current(account_id)
        facts, places = known.facts, _places(known, policy)
        # Off makes the epoch grow, so before that there is no moment off to look for.
        looked_up = switch.epoch > 0 and epoch_at_receipt is not None
        return decide(
            Case(
                switch=switch,
                history=tx.accounts.switch_history(account_id) if looked_up else (),
                span=CallSpan(
                    started_at=facts.started_at,
                    ended_at=facts.ended_at,
                    received_at=received_at,
                    duration=duration,
                    described=described,
                ),
                epoch_at_receipt=epoch_at_receipt,
                places=places,
                demand=self._demand(places, policy),
                policy=policy,
                outside=outside_parties(facts),
                events=known.events,
                objections=tuple(row.objection for row in tx.objections.of_terms(account_id, known.numbers)),
                released=released,
                rule_book=self.rule_book.version,
            )
        )

    def _demand(self, places: Sequence[Place], policy: ConsentPolicy) -> Demand:
        overrides = {one.place: one for one in policy.overrides}

        def rule(place: str | None) -> Rule:
            shipped = self.rule_book.of(place)
            own = overrides.get(place or "*") or overrides.get(shipped.place)
            return shipped if own is None else own.apply(shipped)

        return strictest([rule(place) for place in dict.fromkeys(one.place for one in places)])

    def _e164(self, written: str) -> str:
        try:
            return self.numbers.e164(written)
        except Invalid:
            return written

    async def _event(self, row: ConsentRow) -> ConsentEvent:
        key = await self.ring.version(row.account_id, row.key_version)
        context = bound.of_consent_event(row.account_id, row.id)
        return decode_event(open_message(key.key, row.sealed_event, context=context))


def said_of(tx: Transaction, account_id: str, call_ref: str) -> Said:
    """Return what was said of a call so far."""
    return Said(
        facts=tx.call_facts.of_call(account_id, call_ref),
        consents=tx.consents.of_call(account_id, call_ref),
    )


def _places(known: KnownCall, policy: ConsentPolicy) -> tuple[Place, ...]:
    facts, outside = known.facts, outside_parties(known.facts)

    def place(party: Party, said: str | None) -> Place:
        if said is not None:
            return Place(party=party, place=said, known_by="said")
        if (hint := known.hints[party]) is not None:
            return Place(party=party, place=hint, known_by="prefix")
        if party not in outside and policy.home_place is not None:
            return Place(party=party, place=policy.home_place, known_by="account")
        return Place(party=party, place=None, known_by="nothing")

    return place("caller", facts.caller_place), place("callee", facts.callee_place)


def outside_parties(facts: CallFacts) -> frozenset[Party]:
    """Return the parties outside the account; both where nobody said who called whom."""
    if facts.direction is None:
        return frozenset({"caller", "callee"})
    return frozenset({"caller" if facts.direction == "inbound" else "callee"})
