"""An object store for commands that only read: its methods that write raise."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from vault.domain.start_mode import ReadOnly
from vault.ports.objects import ObjectLocks, ObjectStore, ObjectWriter, StoredObject, StoredVersion


@dataclass(frozen=True, slots=True)
class ReadOnlyStore:
    """Reads ``store``, and refuses every write."""

    store: ObjectStore

    @property
    def locks(self) -> ObjectLocks | None:
        """Return the locks of the store."""
        return self.store.locks

    async def clock(self) -> datetime | None:
        """Return the store's own time."""
        return await self.store.clock()

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Read."""
        return await self.store.read(key, start, end)

    async def get(self, key: str) -> bytes:
        """Read."""
        return await self.store.get(key)

    async def size(self, key: str) -> int:
        """Read."""
        return await self.store.size(key)

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        """Read."""
        return self.store.list(prefix, after=after)

    def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:
        """Read."""
        return self.store.versions(prefix, after=after)

    async def create(self, key: str) -> ObjectWriter:
        """Refuse."""
        _refuse(key)

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Refuse."""
        del body, if_absent, locked
        _refuse(key)

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Refuse."""
        del body, first
        _refuse(key)

    async def delete_older(self, key: str) -> None:
        """Refuse."""
        _refuse(key)

    async def delete(self, key: str) -> None:
        """Refuse."""
        _refuse(key)

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Refuse."""
        del before
        _refuse(prefix)


def _refuse(key: str) -> NoReturn:
    raise ReadOnly(f"This command only reads, so it did not change {key} in the object store.")
