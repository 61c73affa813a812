"""Store the facts reported of a call, also after its recording has passed the gate.

Such a recording is found by the new facts, and they are added to its evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from vault.database.interface import Database
from vault.database.stores.call_facts import CallFactRow
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_facts, encode_facts_fields
from vault.errors import Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, SealingKey
from vault.sealing.message import seal
from vault.services.admission.admission import Admission, CallRows, read_call_rows
from vault.services.lifecycle.evidence_chain import EvidenceChain, append, settled
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.retry_on_rotation import retry_with_month_key


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """The result of storing a fact."""

    #: The id of its row; None if the same delivery was stored before.
    row_id: str | None
    #: All rows of the call, including this one.
    said: CallRows


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCallFacts:
    """Store one row for each reported fact of a call.

    A recording before the gate is indexed at the gate, which reads the row. A recording past the gate is
    indexed here, and the fact is appended to its evidence.
    """

    database: Database
    ring: KeyRing
    admission: Admission
    chain: EvidenceChain
    clock: Clock

    async def __call__(self, account_id: str, facts: CallFacts, *, delivery: str) -> StoredFacts:
        """Store the facts once per ``delivery``. Raises Refused if the call has the max number of facts."""
        at = self.clock()
        return await retry_with_month_key(
            self.ring, account_id, at, lambda key: self._keep(key, account_id, facts, delivery, at)
        )

    async def _keep(
        self, key: SealingKey, account_id: str, facts: CallFacts, delivery: str, at: datetime
    ) -> StoredFacts:
        fact_id = new_id("fact")
        row = CallFactRow(
            id=fact_id,
            account_id=account_id,
            call_ref=facts.call_ref,
            delivery=delivery,
            at=at,
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            sealed_facts=seal(key.key, bound.of_call_fact(account_id, fact_id), encode_facts(facts)),
            key_version=key.version,
            month_key=key.month_key,
        )
        terms = await self.admission.terms_of(account_id, facts)
        opened: Mapping[str, OpenedRecording] = {}
        while True:
            add = partial(_add, row=row, facts=facts, terms=terms, opened=opened)
            stored = await self.database.write(add)
            if stored is not None:
                return stored
            opened = await self.chain.of_call(account_id, facts.call_ref)


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
    tx.lock_account(row.account_id)
    tx.lock_call(row.account_id, row.call_ref)
    through = settled(tx, row.account_id, row.call_ref, opened)
    if through is None:
        return None
    known = tx.call_facts.of_call(row.account_id, row.call_ref)
    if len(known) >= MAX_FACTS and all(other.delivery != row.delivery for other in known):
        raise _too_many()
    new = tx.call_facts.add(row)
    if new:
        tx.call_facts.index(row.account_id, row.call_ref, terms)
    for recording in through if new else ():
        append(tx, opened[recording.id], "facts", {"call": encode_facts_fields(facts)}, at=row.at)
        tx.recordings.index(row.account_id, recording.id, terms)
    return StoredFacts(row_id=row.id if new else None, said=read_call_rows(tx, row.account_id, row.call_ref))
