"""Insert the row of a recording that a provider announced by webhook, or that was found in the provider's list."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault import metrics, tracing
from vault.database.interface import Database
from vault.database.stores.hot.add_fact import FactSource
from vault.database.stores.hot.statements import Announced
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Connection
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.consent.call_claims import distinct
from vault.domain.ids import new_id
from vault.domain.recordings.recording import Arrival, State, origin_of, row_key_in_call, row_keys_of
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_announcement
from vault.errors import AccountClosed, Refused
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.telephony import Provider
from vault.sealing.message import seal
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_facts import StoreCallFacts, StoredFacts
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows, read_call_rows
from vault.services.ingest.announce_again import INCOMPLETE, AnnounceAgain
from vault.services.shared.retry_on_rotation import retry_with_month_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Insert the row of an announced recording, with its URL and call facts sealed.

    The facts known so far decide whether the recording is refused immediately; the gate decides again. A repeated
    announcement changes nothing, unless it has new facts of the call, or a URL that is still needed
    (``AnnounceAgain``); that of an upload, or of what was refused or erased in the call, is a repeated one
    too. Its facts are also stored as facts of the call: they count for the call's other recordings,
    even if this recording is refused.
    """

    database: Database
    ring: KeyRing
    admission: Admission
    call_opener: CallOpener
    store_facts: StoreCallFacts
    providers: Mapping[str, Provider]
    announce_again: AnnounceAgain

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
        in_call = self.providers[connection.provider].is_own_software
        source = _source(connection, facts, announcement, in_call=in_call)
        stored = await self._store_facts(account_id, facts, source)
        known = await self.call_opener.open(
            account_id, facts.call_ref, stored.rows, facts, fresh=stored.fresh, terms=stored.terms
        )
        decision = await self._decide(account_id, stored, known, received_at)
        new = replace(
            new_recording(connection, facts, announcement, received_at),
            grounds=() if decision.record else decision.grounds,
            origin=origin_of(arrival, tracing.traceparent()),
        )
        actor = connection.id
        announced = await self._row(new, announcement, facts, in_call=in_call, actor=actor, arrival=arrival)
        return _counted(announced, decision)

    async def _row(
        self,
        new: NewRecording,
        announcement: Announcement,
        facts: CallFacts,
        *,
        in_call: bool,
        actor: str,
        arrival: Arrival,
    ) -> Announced:
        """Insert the row, or take over the announcement of the row that the name stands for already."""
        announced = await self._insert(new, announcement, facts)
        if in_call and announced.call_ref != new.call_ref:
            new = replace(new, recording_ref=row_key_in_call(new.recording_ref, new.call_ref))
            announced = await self._insert(new, announcement, facts)
        while not announced.created and announced.state in INCOMPLETE:
            known = announced.recording_id
            announced = await self.announce_again(
                new.account_id, known, new, announcement, facts, actor=actor, arrival=arrival
            )
            if not announced.taken_over:
                break
            announced = await self._insert(new, announcement, facts)
        return announced

    async def _insert(self, new: NewRecording, announcement: Announcement, facts: CallFacts) -> Announced:
        async def announce(key: SealingKey) -> Announced:
            context = bound.of_announcement(new.account_id, new.id)
            sealed = seal(key.key, context, encode_announcement(announcement, facts))
            return await self.database.announce(
                replace(new, sealed_announcement=sealed, key_version=key.version, month_key=key.month_key)
            )

        return await retry_with_month_key(self.ring, new.account_id, new.received_at, announce)

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

    async def _store_facts(self, account_id: str, facts: CallFacts, source: FactSource) -> StoredFacts:
        """Store the call facts, unless the same facts are stored already; return all rows of the call.

        If the recording was erased, a repeated announcement stores nothing.
        """
        if distinct([facts]):
            try:
                return await self.store_facts(account_id, facts, source=source)
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


def _source(
    connection: Connection, facts: CallFacts, announcement: Announcement, *, in_call: bool
) -> FactSource:
    name = announcement.recording_ref
    return FactSource(
        connection_id=connection.id,
        recording_refs=row_keys_of(name, facts.call_ref),
        call_ref=facts.call_ref if in_call else None,
    )


def new_recording(
    connection: Connection, facts: CallFacts, announcement: Announcement, received_at: datetime
) -> NewRecording:
    """Return the new row of an announcement, without its sealed part."""
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
    )


def _counted(announced: Announced, decision: Decision) -> Announced:
    """Count a row inserted as refused, which gets no access event of its own."""
    if announced.created and announced.state is State.REFUSED:
        reason = "switch_off" if decision.record else decision.grounds[0].code
        metrics.REFUSED.labels(reason).inc()
    return announced
