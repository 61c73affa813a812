"""Searches of the console: the terms of a search, such as a number, must not appear in a URL.

A search is sealed under a key that is derived from the secret in the session's cookie, so that nobody else can open it,
not even with the database and the root key.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.domain.ids import new_id
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.sealing.keys import NamedKey
from vault.sealing.message import open_message, seal

#: How long a search can be shown again.
_LIFE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSearches:
    """Store and read the searches of a session."""

    database: Database
    clock: Clock

    async def keep(self, session_id: str, secret: str, search: Mapping[str, str]) -> str:
        """Store a search; return its id, which may appear in a URL."""
        search_id, now = new_id("srch"), self.clock()
        sealed = seal(_key(secret), _context(session_id, search_id), json.dumps(dict(search)).encode())
        await self.database.write(
            lambda tx: tx.console_searches.add(search_id, session_id, sealed, now=now, expires_at=now + _LIFE)
        )
        return search_id

    async def read(self, session_id: str, secret: str, search_id: str) -> Mapping[str, str]:
        """Return a search of this session. Raises NotFound if it is another's, or older than 15 minutes."""
        now = self.clock()
        sealed = await self.database.read(lambda tx: tx.console_searches.get(search_id, session_id, now))
        if sealed is None:
            raise NotFound("This search is over. Search again.")
        search: Mapping[str, str] = json.loads(
            open_message(_key(secret), sealed, context=_context(session_id, search_id))
        )
        return search


def _key(secret: str) -> NamedKey:
    return NamedKey(
        name="console-search", secret=hmac.digest(secret.encode(), b"callvault/console-search", "sha256")
    )


def _context(session_id: str, search_id: str) -> Mapping[str, str]:
    return {"purpose": "console-search", "session": session_id, "search": search_id}
