"""Tokens of leases. On PostgreSQL a token names its holder, so that other nodes can tell that the holder is gone.

A holder is a process whose session holds the advisory lock of its number (``engines/postgresql_signals.py``). Its
tokens are the number, a full stop, and random digits. Tokens of other processes have no full stop; their leases only
expire.
"""

import secrets
from typing import Final

from sqlalchemy import Connection

_HOLDER: Final = "callvault.holder"
#: Between the holder's number and the random part.
SEPARATOR: Final = "."


def set_holder(connection: Connection, holder: int | None) -> None:
    """Name the holder in tokens made on this connection from now on; None: they name nobody."""
    connection.info[_HOLDER] = holder


def new_token(connection: Connection) -> str:
    """Return a token for a lease that is being taken."""
    return token_of(connection.info.get(_HOLDER))


def token_of(holder: int | None) -> str:
    """Return a token that names this holder."""
    return secrets.token_hex(16) if holder is None else f"{holder}{SEPARATOR}{secrets.token_hex(12)}"
