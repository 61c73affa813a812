"""Store the facts reported of a call, also after its recording has passed the gate.

Such a recording is found by the new facts, and they are added to its evidence.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.consent.consent import ConsentRow
from vault.database.stores.hot.add_fact import AddedFact, FactSource, NewFact
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.calls.number_reader import is_plain, regions_of
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.deflated import deflate
from vault.domain.stored.sealed_records import encode_facts, encode_facts_fields
from vault.errors import AccountClosed, KeyRetired, Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, SealingKey
from vault.sealing.message import seal
from vault.services.admission.call_context import DecisionState
from vault.services.admission.call_rows import CallRows, home_regions, read_call_rows
from vault.services.admission.number_terms import CallTerms, FactTerms
from vault.services.lifecycle.evidence_chain import EvidenceChain, append_to_each, settled
from vault.services.shared.encrypted_fields import OpenedRecording, statement_id
from vault.services.shared.retry_on_rotation import retry_with_month_key

#: Max accounts whose numbering plans are cached.
_MAX_CACHED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """The result of storing a fact."""

    #: The id of its row; None if it was not stored, because the same delivery was stored before.
    row_id: str | None
    #: All rows of the call, including this one.
    rows: CallRows
    #: What was stored, by the id of its row, so that nobody needs to decrypt it.
    fresh: Mapping[str, CallFacts] = field(default_factory=dict)
    #: The state for a decision on the call, as of the fact's transaction; None if it must be read.
    state: DecisionState | None = None
    #: The terms of all facts, where ``state`` is known.
    terms: FactTerms | None = None
    #: The account's locale and whether it has published notices, where ``state`` is known.
    locale: str = ""
    has_notices: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reported:
    """A fact as it was reported."""

    account_id: str
    facts: CallFacts
    at: datetime
    #: It is stored once for each.
    delivery: str
    source: FactSource | None

    def sealed(self, key: SealingKey) -> CallFactRow:
        """Return its row, with a new id."""
        fact_id, facts = new_id("fact"), self.facts
        context = bound.of_call_fact(self.account_id, fact_id)
        return CallFactRow(
            id=fact_id,
            account_id=self.account_id,
            call_ref=facts.call_ref,
            delivery=self.delivery,
            at=self.at,
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            sealed_facts=seal(key.key, context, deflate(encode_facts(facts))),
            key_version=key.version,
            month_key=key.month_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCallFacts:
    """Store one row for each reported fact of a call: its terms are hashed once, it is sealed once and written once.

    A recording before the gate is indexed at the gate, which reads the row. A recording past the gate is
    indexed here, and the fact is appended to its evidence.
    """

    database: Database
    ring: KeyRing
    call_terms: CallTerms
    chain: EvidenceChain
    clock: Clock
    #: Is called with the consent rows of a call whose direction was stored.
    direction_stored: Callable[[str, str, Sequence[ConsentRow]], Awaitable[None]]
    #: Each account's numbering plans as last seen: the transaction that uses them shows whether they are still right.
    _regions: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)

    async def __call__(
        self,
        account_id: str,
        facts: CallFacts,
        *,
        delivery: str | None = None,
        source: FactSource | None = None,
    ) -> StoredFacts:
        """Store the facts once per ``delivery``, or once where they come without an id of their own.

        Raises AccountClosed, and Refused if the call has the max number of facts.

        ``source`` is the recording whose announcement has the facts: if it was erased, nothing is stored.
        """
        index_key, at = await self.call_terms.index_key(account_id), self.clock()
        if (regions := self._regions.get(account_id)) is None:
            regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        terms = self.call_terms.terms_in(index_key, [facts], regions)
        once = delivery or statement_id(index_key, facts)
        reported = _Reported(account_id=account_id, facts=facts, at=at, delivery=once, source=source)
        stored = await retry_with_month_key(
            self.ring, account_id, at, lambda key: self._seal_and_add(key, reported, terms, index_key)
        )
        if facts.direction is not None and stored.rows.consents:
            await self.direction_stored(account_id, facts.call_ref, stored.rows.consents)
        return stored

    async def _seal_and_add(
        self, key: SealingKey, reported: _Reported, terms: FactTerms, index_key: bytes
    ) -> StoredFacts:
        row, account_id, facts = reported.sealed(key), reported.account_id, reported.facts
        result = await self.database.add_fact(
            NewFact(row=row, terms=terms.all, max_facts=MAX_FACTS, source=reported.source)
        )
        if len(self._regions) >= _MAX_CACHED:
            self._regions.clear()
        seen = self._regions[account_id] = regions_of(result.locale, [result.policy.home_place])
        if result.is_retired:
            raise KeyRetired
        if result.is_closed:
            raise AccountClosed
        by_seen = terms if seen == terms.regions else self.call_terms.terms_in(index_key, [facts], seen)
        if not (result.added or result.is_duplicate or result.is_erased):
            if result.is_settled:
                return await self._add_to_evidence(row, facts, by_seen.all)
            if result.facts >= MAX_FACTS:
                raise _too_many()
        if result.added and by_seen is not terms:
            await self.database.write(
                lambda tx: tx.call_facts.index(account_id, row.call_ref, by_seen.numbers)
            )
        if result.added and not (result.facts or result.consents):
            return _first_of_call(row, facts, result, terms, seen)
        rows = await self.database.read(lambda tx: read_call_rows(tx, account_id, row.call_ref))
        return _stored(row, facts, rows, is_new=result.added)

    async def _add_to_evidence(
        self, row: CallFactRow, facts: CallFacts, terms: Sequence[bytes]
    ) -> StoredFacts:
        """Store a fact that also belongs into the evidence of recordings past the gate."""
        while True:
            opened = await self.chain.of_call(row.account_id, row.call_ref)
            add = partial(_add, row=row, facts=facts, terms=terms, opened=opened)
            stored = await self.database.write(add)
            if stored is not None:
                return stored


def _stored(row: CallFactRow, facts: CallFacts, rows: CallRows, *, is_new: bool) -> StoredFacts:
    if not is_new:
        return StoredFacts(row_id=None, rows=rows)
    return StoredFacts(row_id=row.id, rows=rows, fresh={row.id: facts})


def _first_of_call(
    row: CallFactRow, facts: CallFacts, result: AddedFact, terms: FactTerms, regions: tuple[str, ...]
) -> StoredFacts:
    """Return the first fact of a call, with the state for a decision if its transaction compared all objections."""
    stored = _stored(row, facts, CallRows(facts=(row,), consents=(), regions=regions), is_new=True)
    # What is spelled in some way is compared with objections by what reads more.
    is_spelled = any(one is not None and not is_plain(one) for one in (facts.caller, facts.callee))
    if result.is_objected or terms.regions != regions or (is_spelled and result.has_objections):
        return stored
    return replace(
        stored,
        state=DecisionState(switch=result.switch, policy=result.policy),
        terms=terms,
        locale=result.locale,
        has_notices=result.has_notices,
    )


def _too_many() -> Refused:
    text = (
        f"This call already has the maximum of {MAX_FACTS} different facts, so this one is not stored, and the call's "
        "recordings are quarantined. Delete the call, or send facts of another call under that call's name."
    )
    return Refused(text, reasons=("too_many_facts",))


def _add(
    tx: Transaction,
    *,
    row: CallFactRow,
    facts: CallFacts,
    terms: Sequence[bytes],
    opened: Mapping[str, OpenedRecording],
) -> StoredFacts | None:
    """Add the row, index the call and extend evidence; None if a recording of the call is not in ``opened``."""
    tx.lock_account_and_call(row.account_id, row.call_ref)
    if tx.closures.has_begun(row.account_id):
        raise AccountClosed
    through = settled(tx, row.account_id, row.call_ref, opened)
    if through is None:
        return None
    known = tx.call_facts.of_call(row.account_id, row.call_ref)
    if len(known) >= MAX_FACTS and all(other.delivery != row.delivery for other in known):
        raise _too_many()
    new = tx.call_facts.add(row)
    if new:
        tx.call_facts.index(row.account_id, row.call_ref, terms)
        tx.retention.call_changed(row.account_id, row.call_ref)
        tx.retention.note_call_times(row.account_id, row.call_ref, row.started_at, row.ended_at)
        chains = [opened[recording.id] for recording in through]
        append_to_each(tx, chains, "facts", {"call": encode_facts_fields(facts)}, at=row.at)
        tx.recordings.index_each(row.account_id, [recording.id for recording in through], terms)
    return _stored(row, facts, read_call_rows(tx, row.account_id, row.call_ref), is_new=new)
