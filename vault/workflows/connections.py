"""Connections to telephony platforms: set by an admin, and opened for each webhook."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vault.domain import encryption_context as bound
from vault.domain.access_event import AccessEvent
from vault.domain.account import Connection
from vault.domain.ids import new_id
from vault.domain.records import decode_credentials, encode_credentials
from vault.errors import Invalid, NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.telephony import Credentials, Provider
from vault.sealing.message import open_message, seal

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
#: Seconds after which another node's change of credentials takes effect here.
REMEMBERED = 10.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenedConnection:
    """A connection with its credentials in hand: current first, then previous."""

    connection: Connection
    credentials: Sequence[Credentials]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedConnections:
    """The connections that webhooks came in by lately, with their credentials.

    A webhook must not cost a read and a decryption each time. A change through this process is seen
    at once, one through another node within REMEMBERED seconds.
    """

    database: Database
    ring: KeyRing
    _known: OrderedDict[str, tuple[float, OpenedConnection]] = field(default_factory=OrderedDict)

    async def get(self, connection_id: str) -> OpenedConnection:
        """Return the connection. Raises NotFound."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(connection_id)
        if known is not None and now - known[0] < REMEMBERED:
            return known[1]
        connection = await self.database.read(lambda tx: tx.connections.get(connection_id))
        if connection is None:
            raise NotFound("There is no such connection.")
        opened = OpenedConnection(connection=connection, credentials=await _credentials(self.ring, connection))
        self._known[connection_id] = (now, opened)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return opened

    def forget(self, connection_id: str) -> None:
        """Read the connection anew next time."""
        self._known.pop(connection_id, None)


async def _credentials(ring: KeyRing, connection: Connection) -> Sequence[Credentials]:
    key = await ring.version(connection.account_id, connection.key_version)
    context = bound.of_credentials(connection.account_id, connection.name)
    return decode_credentials(open_message(key.key, connection.sealed_credentials, context=context))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConnection:
    """Connect an account to a platform, or change the connection. Secrets never come back."""

    database: Database
    ring: KeyRing
    clock: Clock
    providers: Mapping[str, Provider]
    opened: OpenedConnections
    public_url: str

    async def __call__(
        self,
        account_id: str,
        name: str,
        *,
        provider: str,
        credentials: Credentials,
        previous_credentials: Credentials | None,
        api_base: str | None,
        delete_at_source: bool,
        actor: str,
    ) -> tuple[Connection, str, Mapping[str, object]]:
        """Return the connection, its webhook URL and what to enter at the platform. Raises Invalid."""
        platform = self._check(name, provider, credentials, previous_credentials)
        every = [credentials] if previous_credentials is None else [credentials, previous_credentials]
        key = await self.ring.current(account_id)
        sealed = seal(key.key, bound.of_credentials(account_id, name), encode_credentials(every))
        wanted = Connection(
            id=new_id("conn"),
            account_id=account_id,
            name=name,
            provider=provider,
            sealed_credentials=sealed,
            key_version=key.version,
            api_base=api_base,
            delete_at_source=delete_at_source,
        )

        def put(tx: Transaction) -> Connection:
            connection = tx.connections.put(wanted)
            tx.events.append(
                AccessEvent(
                    id=new_id("evt"), type="connection.changed", at=self.clock(), account_id=account_id, actor=actor,
                    result=connection.id,
                )
            )  # fmt: skip
            return connection

        connection = await self.database.write(put)
        self.opened.forget(connection.id)
        webhook_url = f"{self.public_url}/webhooks/{provider}/{connection.id}"
        return connection, webhook_url, platform.setup(webhook_url)

    def _check(
        self, name: str, provider: str, credentials: Credentials, previous: Credentials | None
    ) -> Provider:
        if not _NAME.fullmatch(name):
            raise Invalid(
                "A connection's name has 1 to 64 small letters, digits, dots, dashes and underscores.", field="name"
            )
        platform = self.providers.get(provider)
        if platform is None:
            raise Invalid(f"Providers are: {', '.join(sorted(self.providers))}.", field="provider")
        platform.check_credentials(credentials)
        if previous is not None:
            platform.check_credentials(previous)
        return platform
