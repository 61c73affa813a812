"""Turning what a provider announced into a row: by webhook, or found in the provider's own list."""

from dataclasses import dataclass, replace
from datetime import datetime

from vault import meters
from vault.domain import encryption_context as bound
from vault.domain.account import Connection
from vault.domain.admission import Decision
from vault.domain.call import Announcement, CallFacts
from vault.domain.ids import new_id
from vault.domain.recording import State
from vault.domain.records import encode_announcement
from vault.ports.database import Announced, Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.stores import NewRecording
from vault.sealing.message import seal
from vault.workflows.admission import Admission
from vault.workflows.current_key import under_current_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Shared by the verbs that hear of recordings: insert the row, its URL and its call facts sealed.

    What is known already decides whether it is refused at once; the gate decides again. A repeated
    announcement changes nothing.
    """

    database: Database
    ring: KeyRing
    admission: Admission

    async def __call__(
        self,
        connection: Connection,
        *,
        facts: CallFacts,
        announcement: Announcement,
        received_at: datetime,
    ) -> Announced:
        """Return the row that stands for the announcement now. Raises Unavailable."""
        account_id = connection.account_id
        known = await self.admission.know(account_id, facts.call_ref, facts)

        def admit(tx: Transaction) -> Decision:
            epoch = tx.accounts.switch(account_id).epoch
            return self.admission.decide(
                tx, account_id, known, received_at=received_at, epoch_at_receipt=epoch
            )

        decision = await self.database.read(admit)
        new = _new(connection, facts, announcement, received_at, decision)

        async def announce(key: AccountKey) -> Announced:
            context = bound.of_announcement(account_id, new.id)
            sealed = seal(key.key, context, encode_announcement(announcement, facts))
            return await self.database.announce(
                replace(new, sealed_announcement=sealed, key_version=key.version)
            )

        return _counted(await under_current_key(self.ring, account_id, announce), decision)


def _new(
    connection: Connection,
    facts: CallFacts,
    announcement: Announcement,
    received_at: datetime,
    decision: Decision,
) -> NewRecording:
    """Return the row, without what is sealed."""
    return NewRecording(
        id=new_id("rec"),
        account_id=connection.account_id,
        connection_id=connection.id,
        recording_ref=announcement.recording_ref,
        call_ref=facts.call_ref,
        received_at=received_at,
        call_started_at=facts.started_at,
        call_ended_at=facts.ended_at,
        sealed_announcement=None,
        key_version=0,
        kind=announcement.kind,
        voices=announcement.voices,
        source_ref=announcement.source_ref,
        source_policy=connection.source_policy,
        grounds=() if decision.record else decision.grounds,
    )


def _counted(announced: Announced, decision: Decision) -> Announced:
    """Count a row that begins as refused: it has no event of its own."""
    if announced.created and announced.state is State.REFUSED:
        reason = "switch_off" if decision.record else decision.grounds[0].code
        meters.REFUSED.labels(reason).inc()
    return announced
