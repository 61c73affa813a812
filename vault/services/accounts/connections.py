"""Connect an account to a telephony platform; list, show and delete its connections."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Connection, ConnectionActivity
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.public_urls import PublicUrls
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_credentials
from vault.errors import Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.telephony import Credentials, Provider
from vault.sealing.message import seal
from vault.sentence import Sentence
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_if_rotated

#: Connections of one account: each is asked for recordings that its webhooks missed.
MAX_CONNECTIONS: Final = 200
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectionRequest:
    """The settings of a connection, as an admin sends them."""

    provider: str
    credentials: Credentials
    #: Still accepted while the platform's secret is rotated.
    previous_credentials: Credentials | None = None
    #: Base URL of the platform's REST API; None for the provider's usual one.
    api_base: str | None = None
    #: None means the default of the provider's adapter.
    delete_at_source: bool | None = None
    delete_refused: bool = False
    #: URL where the platform continues a call after the vault's answer at call start.
    next_url: str | None = None
    #: Pause a recording at the provider when its call may not be recorded.
    pause_refused: bool = False
    #: Collect what the provider recorded since then; None means since now, or the earlier value if there is one.
    collect_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection, its webhook URL and the settings to enter at the platform."""

    connection: Connection
    webhook_url: str
    setup: Mapping[str, object]
    activity: ConnectionActivity


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Connect an account to telephony platforms; list, show and delete its connections."""

    database: Database
    ring: KeyRing
    data_keys: AccountDataKeys
    clock: Clock
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    urls: PublicUrls

    async def set(
        self,
        account_id: str,
        name: str,
        request: ConnectionRequest,
        *,
        actor: str,
    ) -> tuple[Connection, str, Mapping[str, object]]:
        """Connect an account to a platform, or change the connection. Secrets are never returned.

        Return the connection, its webhook URL and the settings for the platform. Raises Invalid, Refused.
        """
        platform = self._check(name, request)
        connection = await retry_if_rotated(
            self.ring, account_id, lambda key: self._connect(key, account_id, name, request, actor=actor)
        )
        self.connection_cache.forget(connection.id)
        webhook_url = self.urls.webhook(request.provider, connection.id)
        return connection, webhook_url, platform.setup(webhook_url)

    async def _connect(
        self, key: AccountKey, account_id: str, name: str, request: ConnectionRequest, *, actor: str
    ) -> Connection:
        platform = self.providers[request.provider]
        both = [item for item in (request.credentials, request.previous_credentials) if item is not None]
        sealed = seal(key.key, bound.of_credentials(account_id, name), encode_credentials(both))
        wanted = Connection(
            id=new_id("conn"),
            account_id=account_id,
            name=name,
            provider=request.provider,
            sealed_credentials=sealed,
            key_version=key.version,
            api_base=await self.data_keys.seal_words(account_id, "api-base", request.api_base),
            delete_at_source=platform.deletes_by_default
            if request.delete_at_source is None
            else request.delete_at_source,
            delete_refused=request.delete_refused,
            collect_from=request.collect_from or self.clock(),
            next_url=await self.data_keys.seal_words(account_id, "next-url", request.next_url),
            pause_refused=request.pause_refused,
            changed_by=actor,
        )
        event = AccessEvent(type="connection.changed", at=self.clock(), account_id=account_id, actor=actor)
        connection = await self.database.write(lambda tx: _put(tx, wanted, request, event))
        return replace(connection, api_base=request.api_base, next_url=request.next_url)

    def _check(self, name: str, request: ConnectionRequest) -> Provider:
        if not _NAME.fullmatch(name):
            raise Invalid(
                "name must be 1 to 64 lowercase letters, digits, dots, dashes or underscores, and must begin and end "
                "with a letter or digit.",
                field="name",
            )
        platform = self.providers.get(request.provider)
        if platform is None:
            names = ", ".join(sorted(self.providers))
            raise Invalid(Sentence("provider must be one of: %(names)s.", names=names), field="provider")
        platform.check_credentials(request.credentials)
        if request.previous_credentials is not None:
            platform.check_credentials(request.previous_credentials)
        return platform

    async def list(self, account_id: str) -> Sequence[ConnectionView]:
        """Return all connections of the account, ordered by name."""
        found, activity = await self.database.read(
            lambda tx: (tx.connections.of_account(account_id), tx.connections.activity(account_id))
        )
        return [await self._view(connection, activity) async for connection in paced(found)]

    async def id_of(self, account_id: str, name: str | None) -> str | None:
        """Return the id of the connection that a filter names, None if it names none. Raises Invalid."""
        if name is None:
            return None
        try:
            return (await self.read(account_id, name)).connection.id
        except NotFound:
            raise Invalid("There is no connection of this name.", field="connection") from None

    async def read(self, account_id: str, name: str) -> ConnectionView:
        """Return one connection. Raises NotFound."""
        connection, activity = await self.database.read(
            lambda tx: (_existing(tx, account_id, name), tx.connections.activity(account_id))
        )
        return await self._view(connection, activity)

    async def _view(
        self, connection: Connection, activity: Mapping[str, ConnectionActivity]
    ) -> ConnectionView:
        webhook_url = self.urls.webhook(connection.provider, connection.id)
        setup = self.providers[connection.provider].setup(webhook_url)
        return ConnectionView(
            connection=await self.connection_cache.with_urls(connection),
            webhook_url=webhook_url,
            setup=setup,
            activity=activity.get(connection.id, ConnectionActivity()),
        )

    async def delete(self, account_id: str, name: str, *, actor: str) -> None:
        """Delete a connection, its credentials and delivery log, so that nothing more is accepted from its platform.

        Fetched recordings stay. Announced recordings that are not fetched yet fail, and the provider's copies are
        kept: without credentials the vault can neither fetch nor delete them. A new connection of the same name
        gets another id.

        Raises NotFound if the account has none of this name. If the object of this closing act is not known to be
        stored, a repeated call stores it and raises nothing.
        """
        deleted: list[str] = []

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            connection = tx.connections.find(account_id, name)
            if connection is None and tx.closing_acts.recall(account_id, "connection.deleted", name):
                return
            connection = _existing(tx, account_id, name)
            tx.connections.delete(connection)
            tx.deliveries.forget_connection(connection.id)
            event = AccessEvent(
                type="connection.deleted",
                at=tx.now(),
                account_id=account_id,
                actor=actor,
                result=connection.id,
                subject=name,
            )
            tx.events.append(event)
            deleted.append(connection.id)

        try:
            await self.database.write(delete)
        finally:
            # A write that raises Unavailable may have been committed.
            for connection_id in deleted:
                self.connection_cache.forget(connection_id)


def _put(tx: Transaction, wanted: Connection, request: ConnectionRequest, event: AccessEvent) -> Connection:
    """Write the connection. A change without ``collect_from`` keeps the earlier value."""
    tx.lock_account(wanted.account_id, exclusive=True)
    before = tx.connections.find(wanted.account_id, wanted.name)
    if before is not None and before.provider != wanted.provider:
        taken = Sentence(
            "The connection already exists for the provider %(provider)s. Use another name, or DELETE that connection "
            "first.",
            provider=before.provider,
        )
        raise Refused(taken, reasons=("other_provider",))
    if before is None and tx.connections.count(wanted.account_id) >= MAX_CONNECTIONS:
        text = f"The account has {MAX_CONNECTIONS} connections, the maximum. Delete one that is not used any more."
        raise Refused(text, reasons=("too_many_connections",))
    if request.collect_from is None and before is not None:
        connection = tx.connections.put(replace(wanted, collect_from=before.collect_from))
    else:
        connection = tx.connections.put(wanted)
        tx.connections.reconciled(connection.id, connection.collect_from)
    tx.events.append(replace(event, result=connection.id))
    return connection


def _existing(tx: Transaction, account_id: str, name: str) -> Connection:
    connection = tx.connections.find(account_id, name)
    if connection is None:
        raise NotFound("There is no such connection.")
    return connection
