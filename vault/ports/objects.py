"""The object store and its locks. It only receives sealed objects and objects without personal data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object in a listing."""

    #: The key below the store's own prefix.
    key: str
    #: Bytes of its current version.
    size: int
    #: When its current version was written, by the store's clock.
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """One version of an object in a versioned store; elsewhere the object itself."""

    #: The key below the store's own prefix.
    key: str
    #: Bytes; 0 for a delete marker.
    size: int
    modified: datetime
    #: Whether it is the current version.
    latest: bool
    #: Whether it is a delete marker.
    deleted: bool


class ObjectWriter(Protocol):
    """Writes one object. It is not visible before ``finish`` returns."""

    async def write(self, block: bytes) -> None:
        """Write the next bytes, of any length. Awaiting it applies backpressure."""

    async def finish(self) -> int:
        """Make the object durable and visible; return its size in bytes.

        Raises Unavailable if the store did not accept it; then nothing is visible.
        """

    async def abort(self) -> None:
        """Abort. Leaves no object, and no incomplete upload if the store responds. Idempotent."""


class ObjectStore(Protocol):
    """Objects by key below one prefix. Keys are unique per attempt, so nothing is overwritten.

    Every method raises Unavailable if the store does not respond or is full, after bounded retries, and NotFound if
    a required key does not exist.
    """

    @property
    def locks(self) -> ObjectLocks | None:
        """Return the locks of the store; None for a store that has none, such as a directory."""

    async def clock(self) -> datetime | None:
        """Return the store's own time; None for a store without one: a witness against wrong clocks of the vault."""

    async def create(self, key: str) -> ObjectWriter:
        """Start writing an object of unknown length."""

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object. With ``if_absent`` an existing one stays and False is returned.

        ``locked`` puts this version under an object lock for the configured period; a store without locks ignores
        it.
        """

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Write a small object, and delete every older version of it.

        ``first`` promises that the key was never written: then one request is enough where the store answers it.
        """

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly the bytes [start, end). Raises Tampered if the object is shorter than ``end``."""

    async def get(self, key: str) -> bytes:
        """Return a small object. Raises Tampered if it is larger than 1 MiB."""

    async def size(self, key: str) -> int:
        """Return the object's size in bytes."""

    def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        """Yield every object whose key has this prefix and is greater than ``after``, in key order."""

    def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:
        """Yield every version and delete marker of the keys with this prefix that are greater than ``after``.

        They are grouped by key.
        """

    async def delete_older(self, key: str) -> None:
        """Delete every version of the key except the newest, in a versioned store."""

    async def delete(self, key: str) -> None:
        """Delete every version and delete marker of the key. A missing key is not an error.

        Raises ObjectLocked after it deleted everything but the versions that a lock keeps.
        """

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Abort incomplete uploads below ``prefix`` that started before ``before``; return how many."""
