"""Receive a webhook: authenticate its raw bytes, parse it, and commit one row before the response."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.stores.consent.consent import Pause
from vault.database.stores.hot.statements import Announced
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Connection
from vault.domain.calls.call import Announcement, CallFacts, WebhookContent
from vault.domain.calls.provider_api import Access, Delivery
from vault.domain.recordings.recording import GONE, State
from vault.errors import (
    AccountClosed,
    FetchFailed,
    Held,
    Invalid,
    NotAuthentic,
    Refused,
    TooMany,
    VaultError,
)
from vault.fair_gate import FairGate
from vault.ports.clock import Clock
from vault.ports.telephony import Fetcher, Provider
from vault.sentence import Sentence
from vault.services.admission.admission import Admission
from vault.services.admission.call_facts import StoreCallFacts, StoredFacts
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.number_terms import CallTerms
from vault.services.ingest.announce import Announce
from vault.services.ingest.change_metadata import ChangeMetadata
from vault.services.ingest.delivery_log import error_code
from vault.services.shared.account_limiter import AccountLimiter
from vault.services.shared.authenticate_webhook import prove
from vault.services.shared.connection_cache import ConnectionCache, OpenedConnection
from vault.services.shared.encrypted_fields import content_id

#: Min seconds between two notes of the same kind for one connection by a process: they are for people, and must cost
#: a platform with thousands of calls a minute nothing.
_NOTE_INTERVAL: Final = 60.0
_MAX_NOTED: Final = 10_000
_CLOSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The result of a delivery. The response is a 2xx for every status, so that the platform stops retrying."""

    status: Literal["accepted", "duplicate", "refused", "erased", "noted", "ignored"]
    recording_id: str | None = None
    #: A sentence for the sender's developer.
    detail: str | None = None
    #: Why nothing was stored, for the delivery log; None where the status or the recording says it.
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteActivity:
    """Note when a connection's webhooks came, and why one was refused: rarely, and no request waits for it."""

    database: Database
    clock: Clock
    #: When each kind of note was written, in the loop's time, the latest last.
    _noted: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict, init=False)
    _writing: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    def taken(self, connection_id: str) -> None:
        """Note that a webhook was authentic, and was taken."""
        self._note(connection_id, "")

    def refused(self, connection_id: str, code: str) -> None:
        """Note why a webhook of an existing connection was refused: a code, never what was sent."""
        self._note(connection_id, code)

    async def close(self) -> None:
        """Wait until what is being written is written, but not for long."""
        if self._writing:
            await asyncio.wait(set(self._writing), timeout=_CLOSE_SECONDS)

    def _note(self, connection_id: str, code: str) -> None:
        now, slot = asyncio.get_running_loop().time(), (connection_id, code)
        if (before := self._noted.get(slot)) is not None and now - before < _NOTE_INTERVAL:
            return
        self._noted[slot] = now
        self._noted.move_to_end(slot)
        while len(self._noted) > _MAX_NOTED:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._write(connection_id, code))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, connection_id: str, code: str) -> None:
        at = self.clock()
        with suppress(VaultError):
            await self.database.write(
                lambda tx: tx.connections.note_webhook(connection_id, at, refusal=code or None)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Receive deliveries of webhooks.

    A repeated delivery changes nothing. While the recording switch is off, the recording is refused permanently,
    and the response is still a 2xx. After a crash before the commit, the platform retries; after a crash later, a
    worker finds the row.
    """

    database: Database
    clock: Clock
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    admission: Admission
    call_opener: CallOpener
    call_terms: CallTerms
    announce: Announce
    store_facts: StoreCallFacts
    metadata: ChangeMetadata
    limiter: AccountLimiter
    #: Limits how many webhooks are processed concurrently, so that call starts and listeners find free threads.
    gate: FairGate
    fetcher: Fetcher
    activity: NoteActivity

    async def receive(self, provider_name: str, connection_id: str, delivery: Delivery) -> Receipt:
        """Return the result of one delivery.

        Raises NotAuthentic, Invalid, Refused for too many facts, Unavailable; TooMany for a recording over a limit of
        the account, if its platform sends it again.
        """
        try:
            receipt = await self._receive(provider_name, connection_id, delivery)
        except (NotAuthentic, Invalid, Refused, TooMany) as error:
            # Unknown ids are not noted: a stranger who guesses them must cause no write.
            if self.connection_cache.known(connection_id) is not None:
                self.activity.refused(
                    connection_id, error_code(error, 429 if isinstance(error, TooMany) else 422)
                )
            raise
        self.activity.taken(connection_id)
        return receipt

    async def close(self) -> None:
        """Wait until the notes about connections are written, but not for long."""
        await self.activity.close()

    async def _receive(self, provider_name: str, connection_id: str, delivery: Delivery) -> Receipt:
        provider, opened = await prove(
            self.providers, self.connection_cache, provider_name, connection_id, delivery
        )
        content = provider.understand(delivery)
        if content is None:
            types = ", ".join(provider.event_types)
            return Receipt(
                status="ignored", detail=f"The vault reads events of these types: {types}." if types else None
            )
        account_id = opened.connection.account_id
        if content.announcement is not None and provider.resends_refused:
            self.limiter.take_request(account_id)
            self.limiter.check_queue(account_id)
        async with self.gate.turn(account_id):
            try:
                receipt = await self._process(opened, content, delivery)
                return await self._with_metadata(opened.connection, content, receipt)
            except AccountClosed:
                # Nothing is stored, and the platform need not send it again.
                status: Literal["refused", "ignored"] = (
                    "ignored" if content.announcement is None else "refused"
                )
                return Receipt(status=status, reason="account_closed")

    async def _process(
        self, opened: OpenedConnection, content: WebhookContent, delivery: Delivery
    ) -> Receipt:
        for leg in content.legs:
            # Before the recording: one of its parties may have objected.
            await self.store_facts(opened.connection.account_id, leg)
        if content.announcement is not None:
            self._check_url(opened, content.announcement, delivery)
            return await self._announce(opened.connection, content.facts, content.announcement, delivery)
        return await self._store_facts(opened.connection, content, delivery)

    async def _with_metadata(
        self, connection: Connection, content: WebhookContent, receipt: Receipt
    ) -> Receipt:
        """Store the metadata of the call; a duplicate brings only keys that the call has not.

        What cannot be stored must not lose the recording: the receipt says it.
        """
        if not content.metadata or receipt.status in {"erased", "ignored"}:
            return receipt
        try:
            await self.metadata.report(
                connection.account_id,
                content.facts.call_ref,
                content.metadata,
                actor=connection.id,
                only_new=receipt.status == "duplicate",
            )
        except (Invalid, Held) as error:
            return replace(receipt, detail=str(error))
        return receipt

    def _check_url(self, opened: OpenedConnection, announcement: Announcement, delivery: Delivery) -> None:
        """Raise Invalid for a URL that can never be fetched, if the customer's own software reads the answer."""
        provider = self.providers[opened.connection.provider]
        if provider.is_own_software:
            access = opened.access(delivery.received_at)
            check_media_url(self.fetcher, provider, announcement, access, field="data.recording_url")

    async def _announce(
        self, connection: Connection, facts: CallFacts, announcement: Announcement, delivery: Delivery
    ) -> Receipt:
        announced = await self.announce(
            connection, facts=facts, announcement=announcement, received_at=delivery.received_at
        )
        return Receipt(status=_status(announced), recording_id=announced.recording_id)

    async def _store_facts(
        self, connection: Connection, content: WebhookContent, delivery: Delivery
    ) -> Receipt:
        identifier = content.delivery_id
        if identifier is None:
            identifier = content_id(await self.call_terms.index_key(connection.account_id), delivery)
        stored = await self.store_facts(
            connection.account_id, content.facts, delivery=f"{connection.id}/{identifier}"
        )
        if stored.row_id is None:
            return Receipt(status="duplicate")
        if connection.pause_refused and content.facts.ended_at is None:
            await self._pause(connection, content.facts.call_ref, stored)
        return Receipt(status="noted")

    async def _pause(self, connection: Connection, call_ref: str, stored: StoredFacts) -> None:
        """Queue a pause at the provider, if the call may not be recorded."""
        account_id = connection.account_id
        known = await self.call_opener.open(account_id, call_ref, stored.rows)
        pause = Pause(account_id=account_id, connection_id=connection.id, call_ref=call_ref, attempts=0)

        def want(tx: Transaction) -> None:
            if not self.admission.decide(tx, account_id, known, received_at=self.clock()).record:
                tx.pauses.want(pause)

        await self.database.write(want)


def _status(announced: Announced) -> Literal["accepted", "duplicate", "refused", "erased"]:
    if announced.state is State.REFUSED:
        return "refused"
    if announced.state in GONE:
        return "erased"
    return "accepted" if announced.created or announced.renewed else "duplicate"


def check_media_url(
    fetcher: Fetcher, provider: Provider, announcement: Announcement, access: Access, *, field: str
) -> None:
    """Raise Invalid for ``field`` if the announced URL has a form, scheme, port, host or address never fetched from."""
    try:
        fetcher.check(provider.media_request(announcement, access))
    except FetchFailed as error:
        text = Sentence("%(field)s can never be fetched: %(error)s", field=field, error=error)
        raise Invalid(text, field=field) from None
