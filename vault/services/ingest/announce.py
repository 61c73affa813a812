"""Turning what a provider announced into a row: by webhook, or found in the provider's own list."""

from dataclasses import dataclass, replace
from datetime import datetime

from vault import metrics
from vault.domain.accounts.account import Connection
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.consent.call_claims import distinct
from vault.domain.consent.decision import Decision
from vault.domain.ids import new_id
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_announcement
from vault.errors import Refused
from vault.ports.database import Announced, Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.stores import NewRecording
from vault.sealing.message import seal
from vault.services.admission.call_facts import StoreCallFacts
from vault.services.admission.case import Admission, CallRows, read_call_rows
from vault.services.shared.encrypted_fields import statement_id
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Shared by the verbs that hear of recordings: insert the row, its URL and its call facts sealed.

    What is known already decides whether it is refused at once; the gate decides again. A repeated
    announcement changes nothing, unless it says something new of the call. What it says of the call is also
    kept as a fact of the call: it must count for the call's other recordings, and after this one was refused.
    """

    database: Database
    ring: KeyRing
    admission: Admission
    keep_facts: StoreCallFacts

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
        said = await self._keep(connection, facts, announcement.recording_ref)
        known = await self.admission.open(account_id, facts.call_ref, said, facts)

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

        return _counted(await retry_if_rotated(self.ring, account_id, announce), decision)

    async def _keep(self, connection: Connection, facts: CallFacts, recording_ref: str) -> CallRows:
        """Keep what it says of the call, if no other delivery said the same; return all that was said.

        A recording that was erased brings nothing back when it is announced once more.
        """
        account_id = connection.account_id
        delivery = statement_id(await self.admission.index_key(account_id), facts)

        def read(tx: Transaction) -> tuple[CallRows, Recording | None]:
            known = tx.recordings.by_ref(account_id, connection.id, recording_ref)
            return read_call_rows(tx, account_id, facts.call_ref), known

        said, known = await self.database.read(read)
        kept = not distinct([facts]) or any(row.delivery == delivery for row in said.facts)
        if kept or (known is not None and known.state in {State.ERASING, State.ERASED}):
            return said
        try:
            return (await self.keep_facts(account_id, facts, delivery=delivery)).said
        except Refused:
            # The recording itself keeps these facts, and a call with so many is quarantined.
            return said


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
        metrics.REFUSED.labels(reason).inc()
    return announced
