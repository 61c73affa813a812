"""Receiving a webhook: proved over its raw bytes, understood, and one row durable before the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vault.domain import encryption_context as bound
from vault.domain.account import Connection
from vault.domain.call import Announcement, CallFacts, Heard
from vault.domain.delivery import Delivery
from vault.domain.ids import new_id
from vault.domain.recording import State
from vault.domain.records import encode_facts
from vault.errors import NotAuthentic, NotFound
from vault.ports.database import Database
from vault.ports.keys import KeyRing
from vault.ports.stores import CallFactRow
from vault.ports.telephony import Provider
from vault.sealing.message import seal
from vault.workflows.announcing import announce
from vault.workflows.late_facts import add_facts
from vault.workflows.opened_connections import OpenedConnections
from vault.workflows.seals import search_terms


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
    ring: KeyRing
    providers: Mapping[str, Provider]
    connections: OpenedConnections

    async def __call__(self, provider_name: str, connection_id: str, delivery: Delivery) -> Receipt:
        """Return what became of it. Raises NotAuthentic, Invalid, Unavailable."""
        provider = self.providers.get(provider_name)
        if provider is None:
            raise NotFound("There is no such provider.")
        try:
            opened = await self.connections.get(connection_id)
        except NotFound:
            opened = None
        if opened is None or opened.connection.provider != provider_name:
            # An unknown connection takes the same path, and as long as a wrong signature.
            provider.authenticate(delivery, [])
            raise NotAuthentic("The signature is not valid.")
        provider.authenticate(delivery, opened.credentials)
        heard = provider.understand(delivery)
        if heard is None:
            return Receipt(status="ignored")
        if heard.announcement is not None:
            return await self._announce(opened.connection, heard.facts, heard.announcement, delivery)
        return await self._note(opened.connection, heard, delivery)

    async def _announce(
        self, connection: Connection, facts: CallFacts, announcement: Announcement, delivery: Delivery
    ) -> Receipt:
        announced = await announce(
            self.database,
            self.ring,
            connection,
            facts=facts,
            announcement=announcement,
            received_at=delivery.received_at,
        )
        if announced.state is State.REFUSED:
            return Receipt(status="refused", recording_id=announced.recording_id)
        status: Literal["accepted", "duplicate"] = "accepted" if announced.created else "duplicate"
        return Receipt(status=status, recording_id=announced.recording_id)

    async def _note(self, connection: Connection, heard: Heard, delivery: Delivery) -> Receipt:
        facts, account_id = heard.facts, connection.account_id
        fact_id, key = new_id("fact"), await self.ring.current(account_id)
        row = CallFactRow(
            id=fact_id,
            account_id=account_id,
            call_ref=facts.call_ref,
            delivery=f"{connection.id}/{heard.delivery_id or fact_id}",
            at=delivery.received_at,
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            sealed_facts=seal(key.key, bound.of_call_fact(account_id, fact_id), encode_facts(facts)),
            key_version=key.version,
        )
        wrapped = await self.database.read(lambda tx: tx.accounts.wrapped_index_key(account_id))
        terms = await search_terms(self.ring, account_id, wrapped, facts)
        new = await self.database.write(lambda tx: add_facts(tx, row, terms))
        return Receipt(status="noted" if new else "duplicate")
