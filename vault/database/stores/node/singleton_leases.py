"""Singleton leases: a name that one node at a time may hold, timed by the database's clock."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from vault.database.schema.node import turns
from vault.database.sql.dialect import insert_for, sql_now
from vault.database.sql.lease_tokens import new_token
from vault.database.stores.rows import Rows
from vault.errors import LeaseLost


class SingletonLeaseRows(Rows):
    """Leases by name, each held by at most one node, with expiry by the database's clock."""

    def is_free(self, name: str) -> bool:
        """Return whether a claim would succeed now."""
        held = select(turns.c.name).where(turns.c.name == name, turns.c.until > sql_now(self._db))
        return self._db.execute(held).first() is None

    def claim(self, name: str, *, lease: timedelta) -> str | None:
        """Claim the name for ``lease`` and return the lease's token; None while it is not free."""
        values = {"token": new_token(self._db), "until": sql_now(self._db, lease)}
        taken = (
            insert_for(self._db, turns)
            .values(name=name, **values)
            .on_conflict_do_update(
                index_elements=["name"], set_=values, where=turns.c.until <= sql_now(self._db)
            )
            .returning(turns.c.token)
        )
        token: str | None = self._db.execute(taken).scalar()
        return token

    def renew(self, name: str, token: str, *, lease: timedelta) -> None:
        """Renew the lease. Raises LeaseLost."""
        self._set(name, token, token=token, until=sql_now(self._db, lease))

    def pass_on(self, name: str, token: str, *, next_at: datetime) -> None:
        """Release the lease; nobody can claim the name before ``next_at``. Raises LeaseLost."""
        self._set(name, token, token=None, until=next_at)

    def forget(self, name: str, token: str) -> None:
        """Release the lease and delete its row; another node's lease stays."""
        self._db.execute(delete(turns).where(turns.c.name == name, turns.c.token == token))

    def forget_leases(self, prefix: str, before: datetime) -> None:
        """Delete leases whose name starts with ``prefix`` and that ended before ``before``."""
        self._db.execute(
            delete(turns).where(turns.c.name.startswith(prefix, autoescape=True), turns.c.until < before)
        )

    def _set(self, name: str, held: str, **values: object) -> None:
        mine = (turns.c.name == name) & (turns.c.token == held)
        if self._db.execute(update(turns).where(mine).values(**values)).rowcount != 1:
            raise LeaseLost("Another node holds this lease now.")
