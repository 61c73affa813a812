"""List, show and delete an account's connections. Their secrets are never opened here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain.accounts.account import Connection
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import NotFound
from vault.ports.database import Database, Transaction
from vault.ports.telephony import Provider
from vault.services.shared.connection_cache import ConnectionCache


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection, its webhook URL and the settings to enter at the platform."""

    connection: Connection
    webhook_url: str
    setup: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadConnections:
    """Show an account's connections."""

    database: Database
    providers: Mapping[str, Provider]
    public_url: str

    async def __call__(self, account_id: str) -> Sequence[ConnectionView]:
        """Return all connections of the account, ordered by name."""
        found = await self.database.read(lambda tx: tx.connections.of_account(account_id))
        return [self._view(connection) for connection in found]

    async def one(self, account_id: str, name: str) -> ConnectionView:
        """Return one connection. Raises NotFound."""
        return self._view(await self.database.read(lambda tx: _existing(tx, account_id, name)))

    def _view(self, connection: Connection) -> ConnectionView:
        webhook_url = f"{self.public_url}/webhooks/{connection.provider}/{connection.id}"
        setup = self.providers[connection.provider].setup(webhook_url)
        return ConnectionView(connection=connection, webhook_url=webhook_url, setup=setup)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteConnection:
    """Delete a connection with its credentials, so that nothing more is accepted from its platform.

    Fetched recordings stay. Announced recordings that are not fetched yet fail, and the provider's copies are
    kept: without credentials the vault can neither fetch nor delete them. A new connection of the same name
    gets another id.
    """

    database: Database
    connections: ConnectionCache

    async def __call__(self, account_id: str, name: str, *, actor: str) -> None:
        """Delete the connection. Raises NotFound if the account has none of this name.

        If the object of this closing act is not known to be stored, a repeated call stores it and raises nothing.
        """
        deleted: list[str] = []

        def delete(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            connection = tx.connections.find(account_id, name)
            if connection is None and tx.closing.recall(account_id, "connection.deleted", name):
                return
            connection = _existing(tx, account_id, name)
            tx.connections.delete(connection)
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
                self.connections.forget(connection_id)


def _existing(tx: Transaction, account_id: str, name: str) -> Connection:
    connection = tx.connections.find(account_id, name)
    if connection is None:
        raise NotFound("There is no such connection.")
    return connection
