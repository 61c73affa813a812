"""Connections to telephony platforms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from vault.database.account_parts.part import account_changed
from vault.database.schema.calls import connection_alerts
from vault.database.schema.core import connections
from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, insert_for, is_postgresql, sql_now
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import Connection, ConnectionActivity
from vault.domain.accounts.makers import add_makers


class ConnectionRows(Rows):
    """The connections of one transaction."""

    def put(self, connection: Connection) -> Connection:
        """Upsert a connection by account and name; an existing one keeps its id and its makers. Raises KeyRetired."""
        refuse_retired(self._db, connection.account_id, connection.key_version)
        before = self.find(connection.account_id, connection.name)
        earlier = () if before is None else before.all_makers
        connection = replace(connection, makers=add_makers(earlier, *connection.all_makers))
        values = {name: getattr(connection, name) for name in Connection.__slots__}
        changed = {name: value for name, value in values.items() if name not in {"id", "account_id", "name"}}
        values |= {
            "reconciled_until": connection.collect_from,
            "reconcile_not_before": database_now(self._db),
        }
        upsert = (
            insert_for(self._db, connections)
            .values(values)
            .on_conflict_do_update(index_elements=["account_id", "name"], set_=changed)
            .returning(connections.c.id)
        )
        account_changed(self._db, connection.account_id)
        wake(self._db, Work.RECONCILE)
        return replace(connection, id=self._db.execute(upsert).scalar_one())

    def find(self, account_id: str, name: str) -> Connection | None:
        """Return an account's connection by name."""
        return self._first((connections.c.account_id == account_id) & (connections.c.name == name))

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection by the id in its webhook URL."""
        return self._first(connections.c.id == connection_id)

    def of_account(self, account_id: str) -> Sequence[Connection]:
        """Return an account's connections, ordered by name."""
        query = select(connections).where(connections.c.account_id == account_id)
        return [_connection(row) for row in self._db.execute(query.order_by(connections.c.name))]

    def count(self, account_id: str) -> int:
        """Return how many connections an account has."""
        mine = select(func.count()).where(connections.c.account_id == account_id)
        return self._db.execute(mine).scalar_one()

    def activity(self, account_id: str) -> Mapping[str, ConnectionActivity]:
        """Return the last activity of each of an account's connections, by its id."""
        c, names = connections.c, ConnectionActivity.__slots__
        query = select(c.id, *(c[name] for name in names)).where(c.account_id == account_id)
        rows = self._db.execute(query)
        return {row.id: ConnectionActivity(**{name: getattr(row, name) for name in names}) for row in rows}

    def note_webhook(self, connection_id: str, at: datetime, *, refusal: str | None) -> None:
        """Note that a webhook was taken, or why it was refused. Nothing happens if the connection was deleted."""
        noted = (
            {"last_webhook_at": at} if refusal is None else {"last_refusal_at": at, "last_refusal": refusal}
        )
        self._db.execute(update(connections).where(connections.c.id == connection_id).values(noted))

    def note_list_error(self, connection_id: str, at: datetime, error: str) -> None:
        """Note why the provider's list could not be read."""
        noted = {"last_list_error_at": at, "last_list_error": error}
        self._db.execute(update(connections).where(connections.c.id == connection_id).values(noted))

    def delete(self, connection: Connection) -> None:
        """Delete a connection, with its credentials."""
        self._db.execute(delete(connections).where(connections.c.id == connection.id))
        self._db.execute(delete(connection_alerts).where(connection_alerts.c.connection_id == connection.id))
        account_changed(self._db, connection.account_id)

    def claim_reconciliation(self, *, pause: timedelta) -> tuple[Connection, datetime] | None:
        """Claim a due connection for ``pause``; return it and the time up to which it is reconciled, or None."""
        due = select(connections.c.id).where(connections.c.reconcile_not_before <= sql_now(self._db))
        due = due.order_by(connections.c.reconcile_not_before).limit(1)
        if is_postgresql(self._db):
            due = due.with_for_update(skip_locked=True)
        due_id = self._db.execute(due).scalar()
        if due_id is None:
            return None
        taken = update(connections).where(connections.c.id == due_id)
        taken = taken.values(reconcile_not_before=sql_now(self._db, pause))
        row = self._db.execute(taken.returning(connections)).one()
        return _connection(row), row.reconciled_until

    def reconciled(self, connection_id: str, until: datetime, *, was: datetime | None = None) -> None:
        """Set the time up to which the provider's list is reconciled; with ``was``, only if that is the old value."""
        done = update(connections).where(connections.c.id == connection_id).values(reconciled_until=until)
        if was is not None:
            done = done.where(connections.c.reconciled_until == was)
        self._db.execute(done)

    def _first(self, condition: ColumnElement[bool]) -> Connection | None:
        row = self._db.execute(select(connections).where(condition)).first()
        return None if row is None else _connection(row)


def _connection(row: Row[Any]) -> Connection:
    return Connection(**{name: getattr(row, name) for name in Connection.__slots__})
