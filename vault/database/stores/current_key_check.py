"""The check for every write of a row sealed under an account's key: its key version must be the current one.

Data is sealed before the transaction that writes it, and the key may be rotated in between. A rotation commits
under the account's exclusive lock; a writer takes the shared lock, then runs this check. So after a rotation
has committed, no node writes rows under the previous version any more, and that version can be emptied and
destroyed. A writer that is refused here encrypts again under the current version and retries immediately.
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


def newest_version(connection: Connection, account_id: str) -> int | None:
    """Return the highest version of the account's key; None if it has none."""
    row = _NEWEST.first(connection, account_id=account_id)
    return None if row is None else row["version"]


def refuse_retired(
    connection: Connection, account_id: str, version: int, *, newest: int | None = None
) -> None:
    """Raise KeyRetired unless ``version`` is current. The caller must hold the account's shared lock.

    ``newest``: the newest version, if the transaction has read it under that lock.
    """
    if newest is None:
        newest = newest_version(connection, account_id)
    if newest != version:
        raise KeyRetired
