"""Connections to telephony platforms."""

from dataclasses import replace

from sqlalchemy import ColumnElement, select
from sqlalchemy import Connection as DbConnection

from vault.database.dialect import insert_for
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
        changed = {name: value for name, value in values.items() if name not in {"id", "account_id", "name"}}
        upsert = (
            insert_for(self._db, connections)
            .values(values)
            .on_conflict_do_update(index_elements=["account_id", "name"], set_=changed)
            .returning(connections.c.id)
        )
        return replace(connection, id=self._db.execute(upsert).scalar_one())

    def find(self, account_id: str, name: str) -> Connection | None:
        """Return an account's connection by name."""
        return self._one((connections.c.account_id == account_id) & (connections.c.name == name))

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection by the id in its webhook URL."""
        return self._one(connections.c.id == connection_id)

    def _one(self, wanted: ColumnElement[bool]) -> Connection | None:
        row = self._db.execute(select(connections).where(wanted)).first()
        return None if row is None else Connection(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
