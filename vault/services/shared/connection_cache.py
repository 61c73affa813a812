"""Cache of the connections of recent webhooks, with decrypted credentials."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.database.interface import Database
from vault.domain.accounts.account import Connection
from vault.domain.calls.provider_api import Access
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_credentials
from vault.errors import NotFound
from vault.ports.keys import KeyRing
from vault.ports.telephony import Credentials
from vault.sealing.message import open_message
from vault.services.shared.account_data_keys import AccountDataKeys

#: Seconds for which this node still accepts credentials that another node has replaced.
CACHE_TTL = 10.0
#: Min seconds between two reads of a connection because of wrong signatures.
_MIN_REFRESH_INTERVAL = 1.0
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenedConnection:
    """A connection with its decrypted credentials: current first, then previous."""

    connection: Connection
    credentials: Sequence[Credentials]

    def access(self, now: datetime) -> Access:
        """Return what an adapter needs for requests to the provider."""
        return Access(credentials=self.credentials[0], api_base=self.connection.api_base, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCache:
    """The connections of recent webhooks with their credentials, so most webhooks need no read and no decryption.

    A change through this process applies immediately. After a change through another node, new credentials
    are accepted immediately, because ``doubt`` triggers a read, and old ones for up to CACHE_TTL seconds.
    """

    database: Database
    ring: KeyRing
    data_keys: AccountDataKeys
    _known: OrderedDict[str, tuple[float, OpenedConnection]] = field(default_factory=OrderedDict)

    async def get(self, connection_id: str) -> OpenedConnection:
        """Return the connection. Raises NotFound."""
        now = asyncio.get_running_loop().time()
        known = self._known.get(connection_id)
        if known is not None and now - known[0] < CACHE_TTL:
            return known[1]
        connection = await self.database.read(lambda tx: tx.connections.get(connection_id))
        if connection is None:
            raise NotFound("There is no such connection.")
        opened = OpenedConnection(
            connection=await self.with_urls(connection),
            credentials=await _credentials(self.ring, connection),
        )
        self._known[connection_id] = (now, opened)
        while len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)
        return opened

    def known(self, connection_id: str) -> OpenedConnection | None:
        """Return the connection as this process has read it last; None if it has not, or there is none."""
        known = self._known.get(connection_id)
        return None if known is None else known[1]

    def doubt(self, connection_id: str) -> bool:
        """Drop the connection from the cache, unless it was read within the last second; return whether it was dropped.

        A wrong signature may come from a new secret that was set through another node. An attacker who sends
        wrong signatures causes at most one read per second.
        """
        known = self._known.get(connection_id)
        if known is None or asyncio.get_running_loop().time() - known[0] < _MIN_REFRESH_INTERVAL:
            return False
        self.forget(connection_id)
        return True

    def forget(self, connection_id: str) -> None:
        """Drop the connection from the cache, so that the next use reads it again."""
        self._known.pop(connection_id, None)

    async def with_urls(self, connection: Connection) -> Connection:
        """Return a connection with its addresses opened. Raises Unavailable."""
        account_id = connection.account_id
        return replace(
            connection,
            api_base=await self.data_keys.open_words(account_id, "api-base", connection.api_base),
            next_url=await self.data_keys.open_words(account_id, "next-url", connection.next_url),
        )


async def _credentials(ring: KeyRing, connection: Connection) -> Sequence[Credentials]:
    key = await ring.version(connection.account_id, connection.key_version)
    context = bound.of_credentials(connection.account_id, connection.name)
    return decode_credentials(open_message(key.key, connection.sealed_credentials, context=context))
