"""The wrapped account keys, for the key ring."""

from vault.database.interface import Database


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
