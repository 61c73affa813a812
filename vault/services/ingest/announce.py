"""Insert the row of a recording that a provider announced by webhook, or that was found in the provider's list."""

from dataclasses import dataclass, replace
from datetime import datetime

from vault import metrics, tracing
from vault.database.interface import Database
from vault.database.stores.hot_statements import Announced
from vault.database.stores.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Connection
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.consent.call_claims import distinct
from vault.domain.ids import new_id
from vault.domain.recordings.recording import Arrival, State, origin_of
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_announcement
from vault.errors import AccountClosed, Refused
from vault.ports.keys import KeyRing, SealingKey
from vault.sealing.message import seal
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_facts import StoreCallFacts, StoredFacts
from vault.services.admission.call_rows import CallRows, read_call_rows
from vault.services.shared.encrypted_fields import statement_id
from vault.services.shared.retry_on_rotation import retry_with_month_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Insert the row of an announced recording, with its URL and call facts sealed.

    The facts known so far decide whether the recording is refused immediately; the gate decides again. A repeated
    announcement changes nothing, unless it contains new facts of the call. Its facts are also stored as facts of
    the call: they count for the call's other recordings, even if this recording is refused.
    """

    database: Database
    ring: KeyRing
    admission: Admission
    store_facts: StoreCallFacts

    async def __call__(
        self,
        connection: Connection,
        *,
        facts: CallFacts,
        announcement: Announcement,
        received_at: datetime,
        arrival: Arrival = "webhook",
    ) -> Announced:
        """Return the row of the announcement, new or existing. Raises Unavailable, AccountClosed."""
        account_id = connection.account_id
        stored = await self._store_facts(connection, facts, announcement.recording_ref)
        own = {} if stored.row_id is None else {stored.row_id: facts}
        known = await self.admission.open(
            account_id, facts.call_ref, stored.rows, facts, fresh=own, numbers=stored.numbers
        )
        decision = await self._decide(account_id, stored, known, received_at)
        new = _new(connection, facts, announcement, received_at, decision)
        new = replace(new, origin=origin_of(arrival, tracing.traceparent()))

        async def announce(key: SealingKey) -> Announced:
            context = bound.of_announcement(account_id, new.id)
            sealed = seal(key.key, context, encode_announcement(announcement, facts))
            return await self.database.announce(
                replace(new, sealed_announcement=sealed, key_version=key.version, month_key=key.month_key)
            )

        return _counted(await retry_with_month_key(self.ring, account_id, received_at, announce), decision)

    async def _decide(
        self, account_id: str, stored: StoredFacts, known: CallContext, received_at: datetime
    ) -> Decision:
        # A switch that was off has a history, which the decision needs too.
        if stored.state is not None and not stored.state.switch.was_off:
            return self.admission.decide_by(stored.state, known, received_at=received_at, epoch_at_receipt=0)

        def admit(tx: Transaction) -> Decision:
            epoch = tx.accounts.switch(account_id).epoch
            return self.admission.decide(
                tx, account_id, known, received_at=received_at, epoch_at_receipt=epoch
            )

        return await self.database.read(admit)

    async def _store_facts(self, connection: Connection, facts: CallFacts, recording_ref: str) -> StoredFacts:
        """Store the call facts, unless the same facts are stored already; return all rows of the call.

        If the recording was erased, a repeated announcement stores nothing.
        """
        account_id = connection.account_id
        if distinct([facts]):
            delivery = statement_id(await self.admission.index_key(account_id), facts)
            source = (connection.id, recording_ref)
            try:
                return await self.store_facts(account_id, facts, delivery=delivery, source=source)
            except AccountClosed:
                raise
            except Refused:
                # The recording's own row holds these facts: those of a call with max facts are quarantined.
                pass

        def read(tx: Transaction) -> CallRows:
            if tx.closures.has_begun(account_id):
                raise AccountClosed
            return read_call_rows(tx, account_id, facts.call_ref)

        return StoredFacts(row_id=None, rows=await self.database.read(read))


def _new(
    connection: Connection,
    facts: CallFacts,
    announcement: Announcement,
    received_at: datetime,
    decision: Decision,
) -> NewRecording:
    """Return the new row without its sealed announcement."""
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
    """Count a row inserted as refused, which gets no access event of its own."""
    if announced.created and announced.state is State.REFUSED:
        reason = "switch_off" if decision.record else decision.grounds[0].code
        metrics.REFUSED.labels(reason).inc()
    return announced
