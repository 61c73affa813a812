"""Card data in audio: what an account wants done about it, and what was found, to be removed or dismissed by people."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.card_data import CardDataPolicy, Policy, Proposal
from vault.domain.recordings.recording import Recording
from vault.errors import NotFound
from vault.services.lifecycle.redact import redactable
from vault.services.recordings.redact_recording import RedactRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """Read and set the policy; list, accept and dismiss proposals."""

    database: Database
    redact: RedactRecording

    async def policy(self, account_id: str) -> CardDataPolicy:
        """Return what an account has set, which is off if it was never set."""
        return await self.database.read(lambda tx: tx.card_data.policy(account_id))

    async def set_policy(self, account_id: str, keyed_digits: Policy, *, actor: str) -> CardDataPolicy:
        """Set what is done about recordings from now on, and return it."""

        def change(tx: Transaction) -> CardDataPolicy:
            tx.lock_account(account_id, exclusive=True)
            policy = CardDataPolicy(keyed_digits=keyed_digits, changed_at=tx.now(), changed_by=actor)
            tx.card_data.set_policy(account_id, policy)
            event = AccessEvent(
                type="card_data.changed", at=tx.now(), account_id=account_id, actor=actor, result=keyed_digits
            )
            tx.events.append(event)
            return policy

        return await self.database.write(change)

    async def page(
        self, account_id: str, *, recording_id: str | None, after: str | None, limit: int
    ) -> Sequence[Proposal]:
        """Return a page of proposals, by id."""
        return await self.database.read(
            lambda tx: tx.card_data.page(account_id, recording_id=recording_id, after=after, limit=limit)
        )

    async def accept(
        self, account_id: str, recording_id: str, proposal_id: str, *, reason: str, actor: str
    ) -> None:
        """Remove what a proposal names, with half a second on both sides. Raises NotFound, and as ``redact``."""

        def read(tx: Transaction) -> tuple[Recording, Proposal]:
            proposal = _get(tx, account_id, proposal_id)
            if proposal.recording_id != recording_id:
                raise _not_found()
            return redactable(tx, account_id, recording_id), proposal

        recording, proposal = await self.database.read(read)
        span = proposal.digits.span(recording.duration or 0.0)
        await self.redact(account_id, recording_id, [span], reason=reason, actor=actor, found=True)

    async def dismiss(self, account_id: str, proposal_id: str, *, actor: str) -> None:
        """Delete a proposal whose audio stays as it is; the log says who decided it. Raises NotFound."""

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id)
            proposal = _get(tx, account_id, proposal_id)
            tx.card_data.delete(proposal_id)
            event = AccessEvent(
                type="redaction.dismissed",
                at=tx.now(),
                account_id=account_id,
                recording_id=proposal.recording_id,
                actor=actor,
                subject=proposal_id,
                result=proposal.digits.kind,
            )
            tx.events.append(event)

        await self.database.write(delete)


def _get(tx: Transaction, account_id: str, proposal_id: str) -> Proposal:
    proposal = tx.card_data.get(account_id, proposal_id)
    if proposal is None:
        raise _not_found()
    return proposal


def _not_found() -> NotFound:
    return NotFound("There is no such proposal. It was accepted or dismissed, or its recording is erased.")
