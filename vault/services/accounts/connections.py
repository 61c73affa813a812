"""Connecting an account to a telephony platform."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.accounts.account import Connection
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_credentials
from vault.errors import Invalid, Refused
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.telephony import Credentials, Provider
from vault.sealing.message import seal
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.retry_on_rotation import retry_if_rotated

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectionRequest:
    """What an admin wants of a connection."""

    provider: str
    credentials: Credentials
    #: Still good during a rotation.
    previous_credentials: Credentials | None = None
    #: Where the platform's REST interface is, where it is not the usual place.
    api_base: str | None = None
    #: None means what the provider's adapter thinks best.
    delete_at_source: bool | None = None
    delete_refused: bool = False
    #: Where the platform goes on with a call once the vault has answered at its start.
    next_url: str | None = None
    #: Pause a recording at the provider when its call may not be recorded.
    pause_refused: bool = False
    #: Bring in what the provider recorded since then; None means from now on, or what was said before.
    collect_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConnection:
    """Connect an account to a platform, or change the connection. Secrets never come back."""

    database: Database
    ring: KeyRing
    carried: AccountDataKeys
    clock: Clock
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    public_url: str

    async def __call__(
        self,
        account_id: str,
        name: str,
        wish: ConnectionRequest,
        *,
        actor: str,
    ) -> tuple[Connection, str, Mapping[str, object]]:
        """Return the connection, its webhook URL and what to enter at the platform. Raises Invalid, Refused."""
        platform = self._check(name, wish)
        connection = await retry_if_rotated(
            self.ring, account_id, lambda key: self._connect(key, account_id, name, wish, actor=actor)
        )
        self.connections.forget(connection.id)
        webhook_url = f"{self.public_url}/webhooks/{wish.provider}/{connection.id}"
        return connection, webhook_url, platform.setup(webhook_url)

    async def _connect(
        self, key: AccountKey, account_id: str, name: str, wish: ConnectionRequest, *, actor: str
    ) -> Connection:
        platform = self.providers[wish.provider]
        every = [one for one in (wish.credentials, wish.previous_credentials) if one is not None]
        sealed = seal(key.key, bound.of_credentials(account_id, name), encode_credentials(every))
        wanted = Connection(
            id=new_id("conn"),
            account_id=account_id,
            name=name,
            provider=wish.provider,
            sealed_credentials=sealed,
            key_version=key.version,
            api_base=await self.carried.seal_words(account_id, "api-base", wish.api_base),
            delete_at_source=platform.deletes_by_default
            if wish.delete_at_source is None
            else wish.delete_at_source,
            delete_refused=wish.delete_refused,
            collect_from=wish.collect_from or self.clock(),
            next_url=await self.carried.seal_words(account_id, "next-url", wish.next_url),
            pause_refused=wish.pause_refused,
        )
        event = AccessEvent(type="connection.changed", at=self.clock(), account_id=account_id, actor=actor)
        connection = await self.database.write(lambda tx: _put(tx, wanted, wish, event))
        return replace(connection, api_base=wish.api_base, next_url=wish.next_url)

    def _check(self, name: str, wish: ConnectionRequest) -> Provider:
        if not _NAME.fullmatch(name):
            raise Invalid(
                "A connection's name has 1 to 64 small letters, digits, dots, dashes and underscores.",
                field="name",
            )
        platform = self.providers.get(wish.provider)
        if platform is None:
            raise Invalid(f"Providers are: {', '.join(sorted(self.providers))}.", field="provider")
        platform.check_credentials(wish.credentials)
        if wish.previous_credentials is not None:
            platform.check_credentials(wish.previous_credentials)
        return platform


def _put(tx: Transaction, wanted: Connection, wish: ConnectionRequest, event: AccessEvent) -> Connection:
    """Write the connection; a change that says nothing of it keeps the moment from which it collects."""
    tx.lock_account(wanted.account_id, exclusive=True)
    before = tx.connections.find(wanted.account_id, wanted.name)
    if before is not None and before.provider != wanted.provider:
        raise Refused(
            f"The connection {wanted.name} is one to {before.provider}. Give the new one another name, or DELETE "
            "this one first.",
            reasons=("other_provider",),
        )
    if wish.collect_from is None and before is not None:
        connection = tx.connections.put(replace(wanted, collect_from=before.collect_from))
    else:
        connection = tx.connections.put(wanted)
        tx.connections.reconciled(connection.id, connection.collect_from)
    tx.events.append(replace(event, result=connection.id))
    return connection
