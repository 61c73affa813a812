"""The one check of every row that is sealed under an account's key: that its version is the current one.

Sealing happens before the transaction that writes, and the key may be rotated in between. A rotation commits
under the account's exclusive lock; a writer holds the shared one, and asks after it. So once a rotation has
committed, nothing more is ever written under the version before, on whichever node it was sealed, and that
version can be emptied and destroyed. What is refused here is sealed anew and written at once.
"""

from sqlalchemy import Connection, bindparam, select

from vault.database.schema.account_keys import account_keys
from vault.database.sql.compiled_statements import CompiledSelect
from vault.errors import KeyRetired

_NEWEST = CompiledSelect(
    select(account_keys.c.version)
    .where(account_keys.c.account_id == bindparam("account_id"))
    .order_by(account_keys.c.version.desc())
    .limit(1)
)


def refuse_retired(connection: Connection, account_id: str, version: int) -> None:
    """Raise KeyRetired unless ``version`` seals now. The caller holds the account's shared lock."""
    newest = _NEWEST.first(connection, account_id=account_id)
    if newest is None or newest["version"] != version:
        raise KeyRetired
