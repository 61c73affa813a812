"""Connections to telephony platforms."""

from dataclasses import replace

from sqlalchemy import Connection as DbConnection
from sqlalchemy import ColumnElement, insert, select, update

from vault.database.schema import connections
from vault.domain.account import Connection


class ConnectionRows:
    """The connections of one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def put(self, connection: Connection) -> Connection:
        """Insert, or replace by account and name; an existing one keeps its id."""
        values = {name: getattr(connection, name) for name in Connection.__slots__}
        before = self.find(connection.account_id, connection.name)
        if before is None:
            self._db.execute(insert(connections).values(values))
            return connection
        values["id"] = before.id
        self._db.execute(update(connections).where(connections.c.id == before.id).values(values))
        return replace(connection, id=before.id)

    def find(self, account_id: str, name: str) -> Connection | None:
        """Return an account's connection by name."""
        return self._one((connections.c.account_id == account_id) & (connections.c.name == name))

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection by the id in its webhook URL."""
        return self._one(connections.c.id == connection_id)

    def _one(self, wanted: ColumnElement[bool]) -> Connection | None:
        row = self._db.execute(select(connections).where(wanted)).first()
        return None if row is None else Connection(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
