"""The wrapped account keys, for the key ring."""

from collections.abc import Sequence
from datetime import timedelta

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account_keys import WrappedMonthKey


class WrappedKeyRows:
    """Reads wrapped keys through the database port."""

    def __init__(self, database: Database) -> None:
        """Read from ``database``."""
        self._database = database

    async def current_version(self, account_id: str) -> int:
        """Return the version to seal with. Raises NotFound."""
        return await self._database.read(lambda tx: tx.accounts.current_key_version(account_id))

    async def wrapped(self, account_id: str, version: int) -> bytes:
        """Return the wrapped key. Raises NotFound."""
        return await self._database.read(lambda tx: tx.accounts.wrapped_key(account_id, version))

    async def destroyed(self, seconds: float) -> Sequence[tuple[str, int]]:
        """Return account and number of the versions that were destroyed in the last ``seconds``. Raises Unavailable."""
        return await self._database.read(
            lambda tx: tx.rotations.destroyed_since(tx.now() - timedelta(seconds=seconds))
        )

    async def month_key(self, account_id: str, key_id: str) -> WrappedMonthKey:
        """Return a month key. Raises NotFound."""
        return await self._database.read(lambda tx: tx.month_keys.get(account_id, key_id))

    async def month_keys(
        self, account_id: str, number: int, first: str, last: str
    ) -> Sequence[WrappedMonthKey]:
        """Return the keys of these months that were created under version ``number`` of the account's key."""
        return await self._database.read(lambda tx: tx.month_keys.of_months(account_id, number, first, last))

    async def add_month_keys(self, account_id: str, keys: Sequence[WrappedMonthKey]) -> None:
        """Store new month keys. Raises KeyRetired unless the current version wraps them."""

        def add(tx: Transaction) -> None:
            tx.lock_account(account_id)
            tx.month_keys.add(account_id, keys)

        await self._database.write(add)
