"""Leases: names that one node at a time may hold, and the end of leases of processes that are gone.

A holder of leases is a process. It holds the advisory lock of its number on PostgreSQL
(``vault/database/sql/lease_tokens.py``), so a lock that nobody holds shows that the session of its process ended.
SQLite has one process; its start ends all leases.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update

from vault.database.schema.access_log import publication
from vault.database.schema.core import recordings
from vault.database.schema.node import turns
from vault.database.signals import Work, wake
from vault.database.sql.dialect import POSTGRESQL_NOW, database_now, insert_for, is_postgresql, sql_now
from vault.database.sql.lease_tokens import new_token
from vault.database.stores.rows import Rows
from vault.errors import LeaseLost

# The lock is taken until the end of the transaction, and only if it is free; a holder that comes back waits that long.
_GONE = text(f"""
    SELECT holder FROM (
        SELECT DISTINCT split_part(token, '.', 1)::bigint AS holder FROM (
            SELECT lease_token AS token FROM recordings WHERE lease_until > {POSTGRESQL_NOW}
            UNION ALL SELECT token FROM turns WHERE until > {POSTGRESQL_NOW}
        ) leases WHERE token LIKE '%.%'
    ) holders WHERE pg_try_advisory_xact_lock_shared(holder)
""")  # noqa: S608 - our own expression
_IS_GONE = text("SELECT pg_try_advisory_xact_lock_shared(:holder)")
_RELEASE_ROWS = text(f"""
    UPDATE recordings SET lease_until = {POSTGRESQL_NOW} - 1
     WHERE lease_until > {POSTGRESQL_NOW} AND lease_token LIKE :tokens RETURNING id
""")  # noqa: S608 - our own expression
_RELEASE_NAMES = text(
    f"UPDATE turns SET until = {POSTGRESQL_NOW} WHERE until > {POSTGRESQL_NOW} AND token LIKE :tokens"  # noqa: S608
)
#: All work under leases: what the released leases were for is looked up when it is claimed.
_UNDER_LEASE = (
    Work.INGEST, Work.DESCRIBE, Work.REMOVE_ERASED, Work.MANIFESTS, Work.ACCOUNT_OBJECTS, Work.TOMBSTONES,
    Work.CLOSING_ACTS, Work.REWRITE_STORE, Work.REWRAP, Work.SIGN, Work.CARD_DATA,
)  # fmt: skip


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


class LeaseHolderRows(Rows):
    """The holders of leases, in one transaction."""

    def end_all(self) -> None:
        """End every lease, for a process that knows that no other process lives: on SQLite, at its start."""
        free = {"lease_until": None, "lease_token": None}
        self._db.execute(update(recordings).where(recordings.c.lease_until.is_not(None)).values(free))
        now = database_now(self._db)
        self._db.execute(update(turns).where(turns.c.token.is_not(None)).values(token=None, until=now))
        self._db.execute(update(publication).where(publication.c.not_before > now).values(not_before=now))

    def gone(self) -> Sequence[int]:
        """Return the numbers of holders of leases whose lock nobody holds now; none on SQLite."""
        return self._db.execute(_GONE).scalars().all() if is_postgresql(self._db) else ()

    def release(self, holder: int) -> int | None:
        """End the leases of a holder and wake their work; return the number of recordings, None if it is back."""
        if not self._db.execute(_IS_GONE, {"holder": holder}).scalar_one():
            return None
        tokens = {"tokens": f"{holder}.%"}
        count = len(self._db.execute(_RELEASE_ROWS, tokens).all())
        self._db.execute(_RELEASE_NAMES, tokens)
        for work in _UNDER_LEASE:
            wake(self._db, work, max(1, count))
        return count
