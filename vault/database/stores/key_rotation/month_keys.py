"""Month keys, wrapped by versions of the account keys."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from vault.database.account_parts.keys import month_key_of, row_of_month_key
from vault.database.account_parts.part import account_changed
from vault.database.schema.account_keys import month_keys
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.key_rotation.sealed_columns import SEALED_COLUMNS
from vault.database.stores.rows import Rows
from vault.domain.accounts.account_keys import WrappedMonthKey
from vault.errors import NotFound

_ONE = CompiledSelect(
    select(month_keys).where(
        month_keys.c.account_id == bindparam("account_id"), month_keys.c.id == bindparam("id")
    )
)
# The two months have the ids from ``first`` to ``end``, which excludes it.
_OF_TWO_MONTHS = CompiledSelect(
    select(month_keys)
    .where(
        month_keys.c.account_id == bindparam("account_id"),
        month_keys.c.number == bindparam("number"),
        month_keys.c.id >= bindparam("first"),
        month_keys.c.id < bindparam("end"),
    )
    .order_by(month_keys.c.id)
)
#: Follows every digit of an id.
_AFTER_ALL = "~"


class MonthKeyRows(Rows):
    """The month keys of accounts in one transaction."""

    def get(self, account_id: str, key_id: str) -> WrappedMonthKey:
        """Return a month key. Raises NotFound."""
        row = _ONE.first(self._db, account_id=account_id, id=key_id)
        if row is None:
            raise NotFound("There is no such month key.")
        return month_key_of(row)

    def of_months(self, account_id: str, number: int, first: str, last: str) -> Sequence[WrappedMonthKey]:
        """Return the keys of the months from ``first`` to ``last`` that were created under this account key version."""
        rows = _OF_TWO_MONTHS.rows(
            self._db, account_id=account_id, number=number, first=first, end=last + _AFTER_ALL
        )
        return [month_key_of(row) for row in rows]

    def add(self, account_id: str, keys: Sequence[WrappedMonthKey]) -> None:
        """Insert new keys; the account's object becomes due.

        The caller holds the account's shared lock. Raises KeyRetired unless the current version wraps each.
        """
        for key in keys:
            refuse_retired(self._db, account_id, key.key_version)
        insert_new(self._db, month_keys, *[row_of_month_key(account_id, key) for key in keys])
        account_changed(self._db, account_id)

    def delete_unused(self, account_id: str) -> int:
        """Delete the month keys under which nothing of the account is sealed any more; return how many.

        The caller holds the account's exclusive lock and adds a version of its key: no write uses older month keys.
        """
        m, unused = month_keys.c, delete(month_keys).where(month_keys.c.account_id == account_id)
        for place in SEALED_COLUMNS.values():
            if place.month is not None:
                used = select(place.month).where(
                    place.account == account_id, place.sealed.is_not(None), place.month.is_not(None)
                )
                unused = unused.where(m.id.not_in(used))
        return self._db.execute(unused).rowcount
