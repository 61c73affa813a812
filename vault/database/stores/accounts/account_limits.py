"""The limits that admins have set for accounts."""

from collections.abc import Mapping

from sqlalchemy import delete, select

from vault.database.schema.account_limits import account_limits
from vault.database.sql.dialect import insert_for
from vault.database.stores.rows import Rows
from vault.domain.accounts.limits import LIMIT_NAMES, OwnLimits

#: Max accounts with limits of their own.
MAX_ROWS = 10_000


class AccountLimitRows(Rows):
    """The limits of accounts that have some of their own."""

    def all(self) -> Mapping[str, OwnLimits]:
        """Return the limits by account, of up to MAX_ROWS accounts."""
        rows = self._db.execute(select(account_limits).order_by(account_limits.c.account_id).limit(MAX_ROWS))
        return {
            row["account_id"]: OwnLimits(**{name: row[name] for name in LIMIT_NAMES})
            for row in rows.mappings()
        }

    def get(self, account_id: str) -> OwnLimits:
        """Return an account's own limits."""
        query = select(account_limits).where(account_limits.c.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return OwnLimits() if row is None else OwnLimits(**{name: row[name] for name in LIMIT_NAMES})

    def put(self, account_id: str, own: OwnLimits) -> None:
        """Replace an account's own limits; without any, its row is deleted."""
        values = {name: getattr(own, name) for name in LIMIT_NAMES}
        if own == OwnLimits():
            self._db.execute(delete(account_limits).where(account_limits.c.account_id == account_id))
            return
        upsert = insert_for(self._db, account_limits).values(values | {"account_id": account_id})
        self._db.execute(upsert.on_conflict_do_update(index_elements=["account_id"], set_=values))
