"""Call start: the platform asks whether to record, and the vault answers with every reason."""

from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.admission import Decision, decide
from vault.domain.call import CallFacts
from vault.domain.ids import ID_BYTES, new_id
from vault.domain.records import encode_facts
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.stores import CallFactRow
from vault.sealing.message import seal
from vault.workflows.late_facts import add_facts
from vault.workflows.seals import open_index_key, search_term, search_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Keep what the platform says of a call, and decide whether it may be recorded."""

    database: Database
    ring: KeyRing
    clock: Clock

    async def __call__(self, account_id: str, facts: CallFacts) -> tuple[str, Decision]:
        """Return the call's id, the same for every request about it, and the decision."""
        text = encode_facts(facts)
        fact_id, key = new_id("fact"), await self.ring.current(account_id)
        wrapped = await self.database.read(lambda tx: tx.accounts.wrapped_index_key(account_id))
        # A plain hash of facts would let anyone with the row test guesses of phone numbers.
        terms = await search_terms(self.ring, account_id, wrapped, facts)
        index_key = await open_index_key(self.ring, account_id, wrapped)
        same = search_term(index_key, "call", text.decode())
        # A call has no row of its own: its id is a keyed hash of the name that the platform gave it.
        call_id = f"call_{search_term(index_key, 'call id', facts.call_ref)[:ID_BYTES].hex()}"
        row = CallFactRow(
            id=fact_id,
            account_id=account_id,
            call_ref=facts.call_ref,
            # The same request again adds nothing.
            delivery=f"call/{same.hex()}",
            at=self.clock(),
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            sealed_facts=seal(key.key, bound.of_call_fact(account_id, fact_id), text),
            key_version=key.version,
        )

        def note(tx: Transaction) -> Decision:
            add_facts(tx, row, terms)
            return decide(
                switch=tx.accounts.switch(account_id), history=tx.accounts.switch_history(account_id)
            )

        return call_id, await self.database.write(note)
