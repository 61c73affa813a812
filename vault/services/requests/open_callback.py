"""Open the callback of an account."""

import json
from dataclasses import dataclass

from vault.database.interface import Database
from vault.domain.requests.callback import Callback
from vault.services.shared.account_data_keys import AccountDataKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCallback:
    """Read URL and secret of an account's callback."""

    database: Database
    data_keys: AccountDataKeys

    async def __call__(self, account_id: str) -> Callback | None:
        """Return the callback; None if the account has none. Raises Tampered, Unavailable."""
        stored = await self.database.read(lambda tx: tx.callbacks.get(account_id))
        words = None if stored is None else stored.sealed
        text = await self.data_keys.open_words(account_id, "request-callback", words)
        if text is None:
            return None
        fields = json.loads(text)
        return Callback(url=fields["url"], secret=fields["secret"])
