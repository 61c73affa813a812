"""Collect the input of an admission decision: the call's facts, and the account's switch, policy and objections.

Facts are sealed, and decrypting them may need a request to the key service. So they are read and decrypted
before the transaction that decides. That transaction first checks that nothing was added since; if something
was, the caller starts again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.database.interface import Database
from vault.database.stores.calls.call_state import GateState
from vault.database.stores.consent.consent import ConsentRow
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.domain.admission.decision import AdmissionInput, Decision, Place, decide
from vault.domain.audit_log.event_types.consent import is_no
from vault.domain.calls.call import SIDES, CallFacts
from vault.domain.calls.number_reader import is_plain, read_numbers, regions_of
from vault.domain.consent.call_claims import MAX_FACTS, CallClaims, distinct
from vault.domain.consent.consent_event import ConsentEvent, ConsentPolicy, Party
from vault.domain.consent.objecting_party import objection_waits
from vault.domain.legal_rules.rule import Demand, Rule, RuleBook, strictest
from vault.errors import Invalid, NotFound, Tampered
from vault.ports.keys import KeyRing
from vault.ports.numbers import Numbers
from vault.services.admission.call_context import CallContext, DecisionState, call_span, places_of
from vault.services.admission.call_rows import CallRows, home_regions, read_call_rows
from vault.services.admission.number_terms import (
    possible_terms,
    restrained_number,
    terms_of_number,
    terms_of_text,
    unreadable_term,
)
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import (
    join_facts,
    name_term,
    open_consent,
    open_facts,
    search_term,
)
from vault.services.shared.paced import paced
from vault.structured_log import Log

_LOG = Log(__name__)
#: Max numbers of a call that are not in E.164; with more of them nothing tells what it is about.
MAX_SPELLED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Load calls and decide on them: at call start, announcement, upload, fetch, gate and release."""

    database: Database
    ring: KeyRing
    rule_book: RuleBook
    numbers: Numbers
    data_keys: AccountDataKeys

    async def load_call(self, account_id: str, call_ref: str, *own: CallFacts) -> CallContext:
        """Read and decrypt the facts of a call; ``own``, from its recordings, count as older. Raises Unavailable."""
        rows = await self.database.read(lambda tx: read_call_rows(tx, account_id, call_ref))
        return await self.open(account_id, call_ref, rows, *own)

    async def open(
        self,
        account_id: str,
        call_ref: str,
        rows: CallRows,
        *own: CallFacts,
        fresh: Mapping[str, CallFacts] | None = None,
        numbers: Sequence[bytes] | None = None,
    ) -> CallContext:
        """Decrypt the facts of a call; ``own``, from its recordings, count as older. Raises Unavailable.

        ``fresh`` holds the facts of rows that the caller has just written, by id; these are not decrypted.
        ``numbers`` are the terms of all numbers in the facts, if they are known already.
        """
        stored = await open_facts(self.ring, rows.facts, fresh)
        statements = [*own, *stored]
        claims = CallClaims.of(statements)
        index_key = await self.index_key(account_id)
        spelled = sorted(number for number in claims.numbers if not is_plain(number))
        # To parse a number takes longer than all the queries of a decision. So it is parsed once, when its fact is
        # stored, and what one more fact costs does not grow with the facts before it.
        unstored = [facts for facts in dict.fromkeys(own) if facts not in stored]
        return CallContext(
            facts=join_facts(call_ref, statements),
            claims=claims,
            statements=distinct(statements),
            events=await self._events(rows.consents),
            numbers=tuple(
                self._more_terms(index_key, unstored, spelled, rows.regions) if numbers is None else numbers
            ),
            is_spelled=bool(spelled),
            is_unreadable=len(spelled) > MAX_SPELLED
            or any(read_numbers(one).is_unreadable for one in spelled),
            agents=tuple(
                name_term(index_key, "agent", one.agent) for one in unstored if one.agent is not None
            ),
            hints={party: self._hints(claims, party) for party in SIDES},
            fact_ids=tuple(row.id for row in rows.facts),
            consent_rows=len(rows.consents),
        )

    async def terms_of(self, account_id: str, facts: CallFacts) -> list[bytes]:
        """Return all keyed hashes that find a call by the numbers and agents in ``facts``."""
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        numbers, agents = await self.terms_in(account_id, facts, regions)
        return [*numbers, *agents]

    async def terms_in(
        self, account_id: str, facts: CallFacts, regions: Sequence[str]
    ) -> tuple[list[bytes], list[bytes]]:
        """Return the terms of numbers, by the numbering plans of these countries, and those of agents."""
        index_key = await self.index_key(account_id)
        agents = [] if facts.agent is None else [name_term(index_key, "agent", facts.agent)]
        return self._number_terms(index_key, facts, regions), agents

    async def terms_of_number(self, account_id: str, written: str) -> tuple[bytes, ...]:
        """Return the keyed hashes that find a number. Raises Invalid if ``written`` is not a phone number.

        Rows of earlier releases have only the hash of the number as it was written, so other spellings are
        included.
        """
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        return tuple(sorted(self._terms_of_number(await self.index_key(account_id), written, regions)))

    async def terms_of_numbers(self, account_id: str, written: Sequence[str]) -> frozenset[bytes]:
        """Return the keyed hashes that find any of these numbers, and what nothing can read: it may be one of them.

        Reads the account's regions once, however many numbers there are. Raises Invalid for one that is no number, with
        its place in ``numbers``, from 0.
        """
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        index_key = await self.index_key(account_id)
        terms = {unreadable_term(index_key)} if written else set[bytes]()
        for place, number in enumerate(written):
            try:
                terms.update(self._terms_of_number(index_key, number, regions))
            except Invalid as error:
                raise Invalid(str(error), field=f"numbers.{place}") from error
            # Some hundred of them take longer than others should wait.
            await asyncio.sleep(0)
        return frozenset(terms)

    def _terms_of_number(self, index_key: bytes, written: str, regions: Sequence[str]) -> set[bytes]:
        number = restrained_number(self.numbers, written, regions)
        numbers = {number, *self.numbers.readings(written, regions)}
        found = set[bytes]().union(*(terms_of_number(index_key, self.numbers, number) for number in numbers))
        return {*found, search_term(index_key, "number", written.strip())}

    def _more_terms(
        self, index_key: bytes, unstored: Sequence[CallFacts], spelled: Sequence[str], regions: Sequence[str]
    ) -> list[bytes]:
        """Return the terms of what is not stored, and those that a fact of an earlier release may lack."""
        terms = possible_terms(index_key, spelled[:MAX_SPELLED])
        return sorted(terms.union(*(self._number_terms(index_key, facts, regions) for facts in unstored)))

    def _number_terms(self, index_key: bytes, facts: CallFacts, regions: Sequence[str]) -> list[bytes]:
        """Return the terms of the numbers in one statement, as its own places and the account's regions read them."""
        # A party's place also tells the numbering plan of its number.
        plans = tuple(dict.fromkeys([*regions, *regions_of("", [facts.caller_place, facts.callee_place])]))
        written = [number for number in (facts.caller, facts.callee) if number is not None]
        found = set[bytes]().union(*(terms_of_text(index_key, self.numbers, one, plans) for one in written))
        return sorted(found)

    def _hints(self, claims: CallClaims, party: Party) -> frozenset[str | None]:
        return frozenset(self.numbers.place(number) for number in claims.unplaced_numbers_of(party))

    async def index_key(self, account_id: str) -> bytes:
        """Return the key that hashes an account's numbers. Raises NotFound."""
        return await self.data_keys.index_key(account_id)

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

    async def forgettable_answers(
        self, account_id: str, call_ref: str, *, with_unreadable: bool = False
    ) -> list[str]:
        """Return the ids of a call's consent events that go with its facts. Raises Unavailable.

        A refusal is none of them: it must also apply to recordings of the call that arrive later. Nor is one that
        cannot be read, which may be a refusal, unless ``with_unreadable``.
        """
        rows = await self.database.read(lambda tx: tx.consents.of_call(account_id, call_ref))
        forgettable, unreadable = list[str](), list[str]()
        async for row in paced(rows):
            try:
                if not is_no(f"_{(await self._event(row)).answer}"):
                    forgettable.append(row.id)
            except (NotFound, Tampered):
                unreadable.append(row.id)
        if unreadable:
            _LOG.warning("consent.unreadable", account_id=account_id, count=len(unreadable))
        return [*forgettable, *unreadable] if with_unreadable else forgettable

    async def _events(self, rows: Sequence[ConsentRow]) -> tuple[ConsentEvent, ...]:
        return tuple([await self._event(row) async for row in paced(rows)])

    async def _event(self, row: ConsentRow) -> ConsentEvent:
        return await open_consent(self.ring, row)


def _objections(tx: Transaction, account_id: str, known: CallContext) -> Sequence[ObjectionRow]:
    if not known.claims.numbers:
        return ()
    return tx.objections.of_call(account_id, known.facts.call_ref, known.numbers)
