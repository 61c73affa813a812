"""Keeping what is said of a call: also after its recording came in, when it must still be found and proved by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from vault.domain.calls.call import CallFacts
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_facts, facts_json
from vault.errors import Refused
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.stores import CallFactRow
from vault.sealing.message import seal
from vault.services.admission.case import Admission, CallRows, read_call_rows
from vault.services.admission.evidence_chain import EvidenceChain, append, settled
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """What became of something that was said of a call."""

    #: The id of its row; None if the same delivery said it before.
    row_id: str | None
    #: All that has been said of the call, this row among it.
    said: CallRows


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCallFacts:
    """Shared by the verbs that hear of calls: one row for each thing that was said.

    A recording that is still on its way is indexed at the gate, which sees the row. One that is
    through is indexed here, and its evidence grows by what was said.
    """

    database: Database
    ring: KeyRing
    admission: Admission
    chain: EvidenceChain
    clock: Clock

    async def __call__(self, account_id: str, facts: CallFacts, *, delivery: str) -> StoredFacts:
        """Keep what was said, once for each ``delivery``. Raises Refused for one too many of a call."""
        return await retry_if_rotated(
            self.ring, account_id, lambda key: self._keep(key, account_id, facts, delivery)
        )

    async def _keep(self, key: AccountKey, account_id: str, facts: CallFacts, delivery: str) -> StoredFacts:
        fact_id = new_id("fact")
        row = CallFactRow(
            id=fact_id,
            account_id=account_id,
            call_ref=facts.call_ref,
            delivery=delivery,
            at=self.clock(),
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            sealed_facts=seal(key.key, bound.of_call_fact(account_id, fact_id), encode_facts(facts)),
            key_version=key.version,
        )
        terms = await self.admission.terms_of(account_id, facts)
        opened: Mapping[str, OpenedRecording] = {}
        while True:
            add = partial(_add, row=row, facts=facts, terms=terms, opened=opened)
            kept = await self.database.write(add)
            if kept is not None:
                return kept
            opened = await self.chain.of_call(account_id, facts.call_ref)


def _too_many() -> Refused:
    text = (
        f"This call has {MAX_FACTS} different facts, and this one is not kept. Its recordings are kept apart. "
        "Delete the call, or send what belongs to another call under that call's name."
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
    """Add the row and what follows from it; None where a recording that it concerns is not opened."""
    tx.lock_account(row.account_id)
    tx.lock_call(row.account_id, row.call_ref)
    through = settled(tx, row.account_id, row.call_ref, opened)
    if through is None:
        return None
    known = tx.call_facts.of_call(row.account_id, row.call_ref)
    if len(known) >= MAX_FACTS and all(one.delivery != row.delivery for one in known):
        raise _too_many()
    new = tx.call_facts.add(row)
    if new:
        tx.call_facts.index(row.account_id, row.call_ref, terms)
    for recording in through if new else ():
        append(tx, opened[recording.id], "facts", {"call": facts_json(facts)}, at=row.at)
        tx.recordings.index(row.account_id, recording.id, terms)
    return StoredFacts(row_id=row.id if new else None, said=read_call_rows(tx, row.account_id, row.call_ref))
