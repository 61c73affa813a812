"""Locks of the object store: versions that it does not delete for anybody."""

from datetime import timedelta
from typing import Protocol

from vault.domain.retention.object_lock import ObjectLock


class ObjectLocks(Protocol):
    """Locks on the newest version of a key. Every method raises Unavailable."""

    async def enabled(self) -> bool:
        """Return whether the store can lock: its bucket has locks and keeps versions."""

    async def default_retention(self) -> timedelta | None:
        """Return for how long the store's own default rule locks every new object; None without such a rule."""

    async def set(self, key: str, wanted: ObjectLock) -> ObjectLock | None:
        """Lock the newest version at least as wanted, and return its lock as read back.

        A retention is only extended. None if the store refuses, or does not show what was set: then it is not known
        whether the version is locked. Raises NotFound.
        """

    async def read(self, key: str) -> ObjectLock | None:
        """Return the lock of the newest version; None if none shows, perhaps for lack of a permission.

        Raises NotFound.
        """
