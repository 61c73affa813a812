"""A call as a whole: what was said of it and what became of it, and erasing all of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts
from vault.domain.consent.decision import Decision
from vault.domain.recordings.recording import GONE, Recording
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.admission.case import Admission, CallRows, read_call_rows
from vault.services.admission.evidence_chain import EvidenceChain


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call as its account may see it."""

    facts: CallFacts
    #: How it would be decided now.
    decision: Decision
    #: Oldest first, those that were erased too.
    recordings: Sequence[Recording]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCall:
    """Show a call, also one that was only announced and has no recording."""

    database: Database
    admission: Admission
    chain: EvidenceChain
    clock: Clock

    async def __call__(self, account_id: str, call_ref: str) -> CallView:
        """Return the call. Raises NotFound where nothing is known of it, Unavailable."""

        def read(tx: Transaction) -> tuple[CallRows, Sequence[Recording]]:
            return read_call_rows(tx, account_id, call_ref), tx.recordings.of_call(account_id, call_ref)

        said, recordings = await self.database.read(read)
        if not (said.facts or said.consents or recordings):
            raise _not_found()
        opened = await self.chain.of_call(account_id, call_ref)
        own = [one.details().facts for one in opened.values()]
        known = await self.admission.open(account_id, call_ref, said, *own)
        decision = await self.database.read(
            lambda tx: self.admission.decide(tx, account_id, known, received_at=self.clock())
        )
        return CallView(facts=known.facts, decision=decision, recordings=recordings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCalls:
    """Find calls by a number of theirs, also those without recordings."""

    database: Database
    admission: Admission

    async def __call__(
        self, account_id: str, number: str, *, after: str | None, limit: int
    ) -> Sequence[CallFacts]:
        """Return the facts of a page of calls, by their names. Raises Invalid for what is no number."""
        terms = await self.admission.terms_of_number(account_id, number)
        refs = await self.database.read(
            lambda tx: tx.call_facts.find(account_id, terms, after=after, limit=limit)
        )
        return [(await self.admission.load_call(account_id, ref)).facts for ref in refs]


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseCall:
    """Erase a call: its facts at once, each of its recordings as ``Erase`` does.

    What its parties answered stays, sealed, because a no must also keep out what is sent of the call later.
    """

    database: Database
    clock: Clock

    async def __call__(self, account_id: str, call_ref: str, *, actor: str) -> Sequence[Recording]:
        """Return the call's recordings. Erased once more it changes nothing. Raises NotFound, Unavailable."""

        def erase(tx: Transaction) -> Sequence[Recording] | None:
            tx.lock_account(account_id)
            tx.lock_call(account_id, call_ref)
            recordings = tx.recordings.of_call(account_id, call_ref)
            facts = tx.call_facts.of_call(account_id, call_ref)
            if not (recordings or facts or tx.consents.of_call(account_id, call_ref)):
                return [] if tx.closing.recall(account_id, "call.erased", call_ref) else None
            left = [one for one in recordings if one.state not in GONE]
            for recording in left:
                tx.queue.begin_erasing(account_id, recording.id)
                tx.events.append(self._event(account_id, actor, recording))
            tx.call_facts.forget_call(account_id, call_ref)
            if facts or left:
                tx.events.append(replace(self._event(account_id, actor, None), subject=call_ref))
            tx.closing.recall(account_id, "call.erased", call_ref)
            for recording in recordings:
                tx.closing.recall(account_id, "recording.erasing", recording.id)
            return tx.recordings.of_call(account_id, call_ref)

        recordings = await self.database.write(erase)
        if recordings is None:
            raise _not_found()
        # Where the write-ahead log is being read right now, its next round overwrites what was deleted.
        await self.database.scrub()
        return recordings

    def _event(self, account_id: str, actor: str, recording: Recording | None) -> AccessEvent:
        return AccessEvent(
            type="call.erased" if recording is None else "recording.erasing",
            at=self.clock(),
            account_id=account_id,
            actor=actor,
            recording_id=None if recording is None else recording.id,
        )


def _not_found() -> NotFound:
    return NotFound("There is no such call.")
