"""Processes that hold leases: which of them are gone, and the end of their leases.

Each holds the advisory lock of its number on PostgreSQL (``vault/database/sql/lease_tokens.py``), so a lock that nobody
holds shows that the session of its process ended. SQLite has one process; its start ends all leases.
"""

from collections.abc import Sequence

from sqlalchemy import text, update

from vault.database.schema.access_log import publication
from vault.database.schema.core import recordings
from vault.database.schema.node import turns
from vault.database.signals import Work, wake
from vault.database.sql.dialect import POSTGRESQL_NOW, database_now, is_postgresql
from vault.database.stores.rows import Rows

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
    Work.CLOSING_ACTS, Work.REWRITE_STORE, Work.REWRAP, Work.SIGN,
)  # fmt: skip


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
