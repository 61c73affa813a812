"""Where sealed objects lie. Everything that passes here is ciphertext or a manifest."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as a listing names it."""

    #: The key below the store's own prefix.
    key: str
    #: Bytes of its current version.
    size: int
    #: When its current version was written, by the store's clock.
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """One version of an object, where the store keeps several; elsewhere the object itself."""

    #: The key below the store's own prefix.
    key: str
    #: Bytes; 0 for a delete marker.
    size: int
    modified: datetime
    #: Whether this is what a reader gets.
    latest: bool
    #: Whether it only says that the object was deleted, while older versions are still there.
    deleted: bool


class ObjectWriter(Protocol):
    """One object on its way in. Nothing is visible under its key before ``finish`` returned."""

    async def write(self, block: bytes) -> None:
        """Take the next bytes, of any length. Backpressure is the await."""

    async def finish(self) -> int:
        """Make the object durable and visible; return its size in bytes.

        Raises Unavailable if the store did not take it; then nothing is visible.
        """

    async def abort(self) -> None:
        """Give up. Leaves no object, and no unfinished upload where the store answers. Idempotent."""


class ObjectStore(Protocol):
    """A flat space of keys below one prefix. Keys are unique to an attempt, so nothing is overwritten.

    Every method raises Unavailable when the store does not answer or has no room, after its own
    bounded retries, and NotFound where a key that must exist does not.
    """

    async def create(self, key: str) -> ObjectWriter:
        """Begin an object of unknown length."""

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object whole. With ``if_absent`` an existing one stays and False is returned.

        ``locked`` keeps this version from everyone's deletion for as long as the store was set up to; a
        store without a lock writes it like any other.
        """

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly the bytes [start, end) of an object that has at least ``end`` bytes.

        Raises Tampered when the object is shorter.
        """

    async def get(self, key: str) -> bytes:
        """Return a small object whole (at most 1 MiB; Tampered if it is larger)."""

    async def size(self, key: str) -> int:
        """Return how many bytes the object has."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield every object whose key begins with ``prefix``, in the order of keys."""

    def versions(self, prefix: str) -> AsyncIterator[StoredVersion]:
        """Yield every version and delete marker of what begins with ``prefix``, those of one key together."""

    async def delete_older(self, key: str) -> None:
        """Remove every version of the key but the newest, where the store keeps versions."""

    async def delete(self, key: str) -> None:
        """Remove every version and delete marker of the key. Nothing there is no error."""

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Abort unfinished uploads below ``prefix`` that began before ``before``; return how many."""
