"""The connections that webhooks came in by lately, with their credentials in hand."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.domain.accounts.account import Connection
from vault.domain.calls.provider_api import Access
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import decode_credentials
from vault.errors import NotFound
from vault.ports.database import Database
from vault.ports.keys import KeyRing
from vault.ports.telephony import Credentials
from vault.sealing.message import open_message
from vault.services.shared.account_data_keys import AccountDataKeys

#: Seconds for which credentials that another node has replaced are still taken here.
CACHE_TTL = 10.0
#: Seconds for which even a wrong signature is no reason to read a connection anew.
_MIN_REFRESH_INTERVAL = 1.0
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OpenedConnection:
    """A connection with its credentials in hand: current first, then previous."""

    connection: Connection
    credentials: Sequence[Credentials]

    def access(self, now: datetime) -> Access:
        """Return what an adapter needs to ask the provider."""
        return Access(credentials=self.credentials[0], api_base=self.connection.api_base, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCache:
    """The connections that webhooks came in by lately, with their credentials.

    A webhook must not cost a read and a decryption each time. A change through this process is seen
    at once. Of one through another node, new credentials are good at once, as ``doubt`` has them read, and
    old ones for REMEMBERED seconds more.
    """

    database: Database
    ring: KeyRing
    carried: AccountDataKeys
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
            connection=await self._with_urls(connection),
            credentials=await _credentials(self.ring, connection),
        )
        self._known[connection_id] = (now, opened)
        while len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)
        return opened

    def doubt(self, connection_id: str) -> bool:
        """Forget what is not of this very moment, and say whether anything was: it may have been changed.

        A webhook whose signature is wrong may be one that another node has been told the new secret of. Who
        sends wrong ones on purpose costs a read a second.
        """
        known = self._known.get(connection_id)
        if known is None or asyncio.get_running_loop().time() - known[0] < _MIN_REFRESH_INTERVAL:
            return False
        self.forget(connection_id)
        return True

    def forget(self, connection_id: str) -> None:
        """Read the connection anew next time."""
        self._known.pop(connection_id, None)

    async def _with_urls(self, connection: Connection) -> Connection:
        account_id = connection.account_id
        return replace(
            connection,
            api_base=await self.carried.open_words(account_id, "api-base", connection.api_base),
            next_url=await self.carried.open_words(account_id, "next-url", connection.next_url),
        )


async def _credentials(ring: KeyRing, connection: Connection) -> Sequence[Credentials]:
    key = await ring.version(connection.account_id, connection.key_version)
    context = bound.of_credentials(connection.account_id, connection.name)
    return decode_credentials(open_message(key.key, connection.sealed_credentials, context=context))
