"""Receiving a webhook: proved over its raw bytes, understood, and one row durable before the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vault.domain.accounts.account import Connection
from vault.domain.calls.call import Announcement, CallFacts, WebhookContent
from vault.domain.calls.webhook import Delivery
from vault.domain.recordings.recording import State
from vault.ports.clock import Clock
from vault.ports.consent_stores import Pause
from vault.ports.database import Database, Transaction
from vault.ports.telephony import Provider
from vault.services.admission.call_facts import StoreCallFacts, StoredFacts
from vault.services.admission.case import Admission
from vault.services.ingest.announce import Announce
from vault.services.shared.authenticate_webhook import prove
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.encrypted_fields import content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery. All of these are a 2xx, so that the platform stops retrying."""

    status: Literal["accepted", "duplicate", "refused", "noted", "ignored"]
    recording_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """Take one delivery of a webhook.

    A repeated one changes nothing. When the recording switch is off the recording is refused for
    good, and the platform hears a 2xx all the same. A crash before the commit leaves nothing, and
    the platform retries; a crash after it leaves a row that a worker will find.
    """

    database: Database
    clock: Clock
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    admission: Admission
    announce: Announce
    keep_facts: StoreCallFacts

    async def __call__(self, provider_name: str, connection_id: str, delivery: Delivery) -> Receipt:
        """Return what became of it. Raises NotAuthentic, Invalid, Refused for too many facts, Unavailable."""
        provider, opened = await prove(
            self.providers, self.connections, provider_name, connection_id, delivery
        )
        heard = provider.understand(delivery)
        if heard is None:
            return Receipt(status="ignored")
        if heard.announcement is not None:
            return await self._announce(opened.connection, heard.facts, heard.announcement, delivery)
        return await self._note(opened.connection, heard, delivery)

    async def _announce(
        self, connection: Connection, facts: CallFacts, announcement: Announcement, delivery: Delivery
    ) -> Receipt:
        announced = await self.announce(
            connection, facts=facts, announcement=announcement, received_at=delivery.received_at
        )
        if announced.state is State.REFUSED:
            return Receipt(status="refused", recording_id=announced.recording_id)
        status: Literal["accepted", "duplicate"] = "accepted" if announced.created else "duplicate"
        return Receipt(status=status, recording_id=announced.recording_id)

    async def _note(self, connection: Connection, heard: WebhookContent, delivery: Delivery) -> Receipt:
        named = heard.delivery_id
        if named is None:
            named = content_id(await self.admission.index_key(connection.account_id), delivery)
        kept = await self.keep_facts(connection.account_id, heard.facts, delivery=f"{connection.id}/{named}")
        if kept.row_id is None:
            return Receipt(status="duplicate")
        if connection.pause_refused and heard.facts.ended_at is None:
            await self._pause(connection, heard.facts.call_ref, kept)
        return Receipt(status="noted")

    async def _pause(self, connection: Connection, call_ref: str, kept: StoredFacts) -> None:
        """Have the provider pause the recording of a call that may not be recorded."""
        account_id = connection.account_id
        known = await self.admission.open(account_id, call_ref, kept.said)
        pause = Pause(account_id=account_id, connection_id=connection.id, call_ref=call_ref, attempts=0)

        def want(tx: Transaction) -> None:
            if not self.admission.decide(tx, account_id, known, received_at=self.clock()).record:
                tx.pauses.want(pause)

        await self.database.write(want)
