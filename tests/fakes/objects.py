"""An object store in memory that polices the port's rules and can fail at any call.

``fail(at=n, when="before" | "after")`` makes the n-th call from now raise Unavailable, without or with
its effect: "after" is an answer that was lost. Every method of the store and of its writers counts.
Misuse raises AssertionError, so that it fails a test even where the code under test catches errors.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from vault.domain.retention.object_lock import ObjectLock
from vault.errors import NotFound, ObjectLocked, Tampered, Unavailable
from vault.objects.keys import SMALL, check_key, check_prefix
from vault.ports.objects import StoredObject, StoredVersion

When = Literal["before", "after"]


@dataclass
class Kept:
    """One object, or one upload that is not finished."""

    body: bytearray
    at: datetime


@dataclass
class FakeObjects:
    """ObjectStore in memory. ``objects`` and ``uploads`` are for tests to look into and to damage."""

    objects: dict[str, Kept] = field(default_factory=dict)
    #: Bodies that were written over, as a bucket with versions keeps them.
    older: dict[str, list[bytes]] = field(default_factory=dict)
    #: Unfinished uploads by number, with their key.
    uploads: dict[int, tuple[str, Kept]] = field(default_factory=dict)
    #: Keys that were put as locked; nobody may delete these.
    locked: set[str] = field(default_factory=set)
    #: Locks of finished versions; None for a store without them.
    locks: "FakeLocks | None" = None
    #: Every call so far, by name: the length is the number that a sweep over all calls needs.
    calls: list[str] = field(default_factory=list)
    #: The store's own clock.
    now: datetime | None = None
    _failing: dict[int, When] = field(default_factory=dict)

    def fail(self, *, at: int, when: When) -> None:
        """Let the ``at``-th call from now (the next is 1) fail before or after its effect."""
        self._failing[len(self.calls) + at] = when

    async def clock(self) -> datetime | None:
        """Return the store's own clock, if it has one."""
        return self.now

    async def create(self, key: str) -> "FakeWriter":
        """Begin an object."""
        check_key(key)
        lost = self._call("create")
        number = len(self.calls)
        self.uploads[number] = (key, Kept(bytearray(), self._time()))
        _answer(lost)
        return FakeWriter(self, number)

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object whole."""
        check_key(key)
        lost = self._call("put")
        made = not (if_absent and key in self.objects)
        self.locked |= {key} if locked and made else set()
        if made:
            self._show(key, bytearray(body))
        _answer(lost)
        return made

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Write a small object whole, and forget what was written over."""
        assert not (first and key in self.objects), "This is not the first version."
        await self.put(key, body)
        if not first:
            await self.delete_older(key)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return a range."""
        check_key(key)
        assert 0 <= start <= end, "A range is [start, end) with start <= end."
        lost = self._call("read")
        body = self._find(key).body
        if len(body) < end:
            raise Tampered("An object is shorter than it was when it was stored.")
        _answer(lost)
        return bytes(body[start:end])

    async def get(self, key: str) -> bytes:
        """Return a small object whole."""
        check_key(key)
        lost = self._call("get")
        body = self._find(key).body
        if len(body) > SMALL:
            raise Tampered("A small object is larger than 1 MiB.")
        _answer(lost)
        return bytes(body)

    async def size(self, key: str) -> int:
        """Return the size."""
        check_key(key)
        lost = self._call("size")
        size = len(self._find(key).body)
        _answer(lost)
        return size

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        """Yield objects in the order of keys."""
        check_prefix(prefix)
        lost = self._call("list")
        _answer(lost)
        for key in sorted(self.objects):
            kept = self.objects.get(key)
            if kept is not None and key.startswith(prefix) and key > after:
                yield StoredObject(key=key, size=len(kept.body), modified=kept.at)

    async def delete_older(self, key: str) -> None:
        """Forget what was written over."""
        check_key(key)
        lost = self._call("delete_older")
        self.older.pop(key, None)
        _answer(lost)

    async def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:
        """Yield objects, each as its one version."""
        async for found in self.list(prefix, after=after):
            yield StoredVersion(
                key=found.key, size=found.size, modified=found.modified, latest=True, deleted=False
            )

    async def delete(self, key: str) -> None:
        """Remove an object."""
        check_key(key)
        assert key not in self.locked, "What is locked cannot be deleted."
        lost = self._call("delete")
        lock = None if self.locks is None or key not in self.objects else self.locks.kept.get(key)
        if lock is not None and (lock.hold or (lock.until is not None and lock.until > datetime.now(UTC))):
            raise ObjectLocked(until=lock.until, hold=lock.hold)
        self.objects.pop(key, None)
        self.older.pop(key, None)
        _answer(lost)

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Drop unfinished uploads."""
        check_prefix(prefix)
        lost = self._call("abort_uploads")
        stale = [n for n, (key, kept) in self.uploads.items() if key.startswith(prefix) and kept.at < before]
        for number in stale:
            del self.uploads[number]
        _answer(lost)
        return len(stale)

    def _call(self, name: str) -> bool:
        """Count a call; return whether its answer is to be lost, or raise if it fails before its effect."""
        self.calls.append(name)
        when = self._failing.pop(len(self.calls), None)
        if when == "before":
            raise Unavailable("The fake does not answer, and did nothing.")
        return when == "after"

    def _find(self, key: str) -> Kept:
        if key not in self.objects:
            raise NotFound("There is no such object.")
        return self.objects[key]

    def _show(self, key: str, body: bytearray) -> None:
        for other in self.objects:
            clash = other.startswith(key + "/") or key.startswith(other + "/")
            assert not clash, f"{key} and {other}: a key is never the folder of another."
        if key in self.objects:
            self.older.setdefault(key, []).append(bytes(self.objects[key].body))
        self.objects[key] = Kept(body, self._time())

    def _time(self) -> datetime:
        return self.now or datetime.now(UTC)


@dataclass
class FakeLocks:
    """ObjectLocks in memory; ``silent``: the store shows no lock that it has set, as without a permission."""

    store: FakeObjects
    kept: dict[str, ObjectLock] = field(default_factory=dict)
    can: bool = True
    silent: bool = False
    default: timedelta | None = None
    #: Keys of every call that set something.
    sets: list[str] = field(default_factory=list)

    async def enabled(self) -> bool:
        """Say whether it can lock."""
        return self.can

    async def default_retention(self) -> timedelta | None:
        """Return the default rule."""
        return self.default

    async def set(self, key: str, wanted: ObjectLock) -> ObjectLock | None:
        """Extend a lock."""
        self.store._find(key)
        current = self.kept.get(key, ObjectLock())
        if not current.covers(wanted):
            self.sets.append(key)
            self.kept[key] = current.extended_to(wanted)
        return None if self.silent else self.kept.get(key, current)

    async def read(self, key: str) -> ObjectLock | None:
        """Return a lock."""
        self.store._find(key)
        return None if self.silent else self.kept.get(key)


class FakeWriter:
    """ObjectWriter in memory. One use: after ``finish`` or ``abort`` it takes nothing more."""

    def __init__(self, store: FakeObjects, number: int) -> None:
        self.store = store
        self.number = number
        self.open_for_writing = True

    async def write(self, block: bytes) -> None:
        """Take the next bytes."""
        self._must_be_open()
        assert isinstance(block, bytes), (
            "A block is bytes: a buffer that changes later would be stored changed."
        )
        lost = self.store._call("write")
        self._upload()[1].body.extend(block)
        _answer(lost)

    async def finish(self) -> int:
        """Show the object."""
        self._must_be_open()
        self.open_for_writing = False
        lost = self.store._call("finish")
        key, kept = self._upload()
        del self.store.uploads[self.number]
        if key in self.store.objects:
            raise Unavailable("An object with this key exists already; it is not overwritten.")
        self.store._show(key, kept.body)
        _answer(lost)
        return len(kept.body)

    async def abort(self) -> None:
        """Give up."""
        self.open_for_writing = False
        lost = self.store._call("abort")
        self.store.uploads.pop(self.number, None)
        _answer(lost)

    def _must_be_open(self) -> None:
        if not self.open_for_writing:
            raise RuntimeError("This object is finished, aborted, or failed before.")

    def _upload(self) -> tuple[str, Kept]:
        if self.number not in self.store.uploads:
            raise Unavailable("The upload is gone: somebody has aborted it.")
        return self.store.uploads[self.number]


def _answer(lost: bool) -> None:
    if lost:
        raise Unavailable("The fake did it, but its answer was lost.")
