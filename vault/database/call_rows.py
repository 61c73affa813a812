"""What was said of calls: rows that are only added, and forgotten as a whole."""

from collections.abc import Sequence

from sqlalchemy import Connection as DbConnection
from sqlalchemy import bindparam, delete, select

from vault.database.compiled import CompiledInsert, CompiledSelect
from vault.database.key_versions import refuse_retired
from vault.database.schema import call_facts
from vault.ports.stores import CallFactRow

# Every call that starts adds a row, and asks for them, as every recording that comes in does.
_ADD = CompiledInsert(call_facts)
_OF_CALL = CompiledSelect(
    select(call_facts)
    .where(call_facts.c.account_id == bindparam("account_id"), call_facts.c.call_ref == bindparam("call_ref"))
    .order_by(call_facts.c.at, call_facts.c.id)
)


class CallRows:
    """The call facts of one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def add(self, row: CallFactRow) -> bool:
        """Add a row; False if that delivery was there already. Raises KeyRetired."""
        refuse_retired(self._db, row.account_id, row.key_version)
        return _ADD.add(self._db, {name: getattr(row, name) for name in CallFactRow.__slots__})

    def of_call(self, account_id: str, call_ref: str) -> Sequence[CallFactRow]:
        """Return the rows of a call, oldest first."""
        rows = _OF_CALL.rows(self._db, account_id=account_id, call_ref=call_ref)
        return [CallFactRow(**row) for row in rows]

    def forget_call(self, account_id: str, call_ref: str) -> None:
        """Delete the rows of a call."""
        wanted = (call_facts.c.account_id == account_id) & (call_facts.c.call_ref == call_ref)
        self._db.execute(delete(call_facts).where(wanted))
