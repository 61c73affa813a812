"""An object store in a directory: one file per object, for one machine and one process.

A new object is written to ``.incoming``, on the same file system, and synced to disk before it is linked
under its key; so a key has either the whole object or none, whenever the process or the machine stops. A file
that a crash leaves in ``.incoming`` has no key, and ``abort_uploads`` deletes it. Its name contains the key,
its start time and a random mark.

A missing ``.incoming`` means that the directory itself is missing (a disk that is not mounted). That raises
Unavailable, because it must not make objects count as missing.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.objects.directory_writer import DirectoryWriter, disk_trouble, private_file
from vault.objects.folders import CLOSED_TO_OTHERS, Folders, fsync_folder
from vault.objects.keys import SMALL, check_key, check_prefix
from vault.ports.objects import StoredObject, StoredVersion
from vault.thread_pools import Threads

T = TypeVar("T")
Args = TypeVarTuple("Args")

# Max retries of a publication when another process removes its folder concurrently.
_FOLDER_TRIES = 100
_LIST_BATCH_SIZE = 500
# Without O_NONBLOCK a FIFO in the place of an object would block its reader, and a thread, forever.
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
# The errors of opening a socket, or a device without a driver.
_NOT_REGULAR = frozenset({errno.ENXIO, errno.ENODEV})


class DirectoryStore:
    """ObjectStore on a directory. ``threads`` limits the number of concurrent file operations."""

    def __init__(self, path: Path, threads: Threads) -> None:
        """Create the directory if it is missing. Raises StartRefused if that fails."""
        self.root = path.absolute()
        self.incoming = self.root / ".incoming"
        self.threads = threads
        self.locks = None
        self.folders = Folders(self.root)
        # Reads are the hot path, and joining strings is faster than joining paths.
        self._root = str(self.root)
        try:
            self.incoming.mkdir(mode=CLOSED_TO_OTHERS, parents=True, exist_ok=True)
            self.root.chmod(CLOSED_TO_OTHERS)
        except OSError as error:
            raise StartRefused(
                "The directory of the object store cannot be made or used. Make the vault's user the owner "
                "of the directory, or point VAULT_OBJECTS_URL at another one."
            ) from error

    async def create(self, key: str) -> DirectoryWriter:
        """Start an object of unknown length."""
        check_key(key)
        temporary = self._temporary(key)
        writer = DirectoryWriter(temporary, self.threads, lambda: self._publish(temporary, key))
        try:
            await writer.open()
        except BaseException:
            await writer.abort()
            raise
        return writer

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object in one thread call. With ``if_absent`` an existing one stays: False."""
        del locked  # A file system has no Object Lock.
        check_key(key)
        return await self._run(self._put, key, body, self._publish if if_absent else self._replace)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly [start, end) by one thread call: open, pread, close."""
        check_key(key)
        return await self._run(self._read, key, start, end)

    async def get(self, key: str) -> bytes:
        """Return the content of a small object. Raises Tampered if it is larger than 1 MiB."""
        check_key(key)
        return await self._run(self._read, key, 0, None)

    async def clock(self) -> datetime | None:
        """Return None: a directory has no time of its own."""
        return None

    async def size(self, key: str) -> int:
        """Return the object's size in bytes."""
        check_key(key)
        return await self._run(self._size, key)

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        """Yield every object below ``prefix``, ordered by key, some hundreds per thread call."""
        check_prefix(prefix)
        folder, slash, name_prefix = prefix.rpartition("/")
        walk = self._walk(folder + slash, name_prefix, after)
        while batch := await self._run(_take, walk):
            for found in batch:
                yield found

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Write a small object; a directory has no versions."""
        del first
        await self.put(key, body)

    async def delete_older(self, key: str) -> None:
        """Do nothing: a directory has only one version of each object."""
        check_key(key)

    async def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:
        """Yield every object: a directory has only one version of each."""
        async for found in self.list(prefix, after=after):
            yield StoredVersion(
                key=found.key, size=found.size, modified=found.modified, latest=True, deleted=False
            )

    async def delete(self, key: str) -> None:
        """Delete the object durably, and the folders that are empty without it."""
        check_key(key)
        await self._run(self._delete, key)

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Delete files in ``.incoming`` for keys below ``prefix`` that were started before ``before``."""
        check_prefix(prefix)
        return await self._run(self._abort_uploads, prefix, before)

    async def _run(self, function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        try:
            return await self.threads.run(function, *args)
        except OSError as error:
            raise disk_trouble(error) from error

    def _missing(self) -> NotFound | Unavailable:
        if not self.incoming.is_dir():
            return Unavailable(
                "The directory of the object store is missing.", retry_after=30, cause="objects"
            )
        return NotFound("There is no such object.")

    def _temporary(self, key: str) -> Path:
        """Return a new path in ``.incoming``: key (slashes as commas), milliseconds, random mark."""
        flat = key.replace("/", ",")
        return self.incoming / f"{flat}~{time.time_ns() // 1_000_000}~{secrets.token_hex(8)}"

    def _put(self, key: str, body: bytes, publish: Callable[[Path, str], bool]) -> bool:
        temporary = self._temporary(key)
        try:
            with open(temporary, "xb", opener=private_file) as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            return publish(temporary, key)
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path, key: str) -> bool:
        """Link a durable file under its key, durably; False, and nothing changed, if the key is taken."""
        target = self.root / key
        try:
            self._in_folder(target, lambda: target.hardlink_to(temporary))
        except FileExistsError:
            return False
        try:
            fsync_folder(target.parent)
        except OSError:
            # A link that may not be durable must not stay visible.
            target.unlink(missing_ok=True)
            raise
        return True

    def _replace(self, temporary: Path, key: str) -> bool:
        """Rename a durable file to its key, durably, replacing an existing object."""
        target = self.root / key
        self._in_folder(target, lambda: temporary.replace(target))
        fsync_folder(target.parent)
        return True

    def _in_folder(self, target: Path, publish: Callable[[], object]) -> None:
        for tries_left in reversed(range(_FOLDER_TRIES)):
            self.folders.make(target.parent)
            try:
                publish()
            except FileNotFoundError:
                if not tries_left:
                    raise
            else:
                return

    def _read(self, key: str, start: int, end: int | None) -> bytes:
        try:
            fd = os.open(f"{self._root}/{key}", _READING)
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing() from None
        except OSError as error:
            if error.errno in _NOT_REGULAR:
                raise self._missing() from None
            raise
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise self._missing()
            if end is None:
                end = found.st_size
                if end > SMALL:
                    raise Tampered("A small object is larger than 1 MiB.")
            return _pread(fd, start, end)
        finally:
            os.close(fd)

    def _size(self, key: str) -> int:
        try:
            found = (self.root / key).lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing() from None
        if not stat.S_ISREG(found.st_mode):
            raise self._missing()
        return found.st_size

    def _delete(self, key: str) -> None:
        try:
            self.folders.remove_file(self.root / key)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            missing = self._missing()
            if isinstance(missing, Unavailable):
                raise missing from None

    def _walk(self, folder: str, name_prefix: str, after: str) -> Iterator[StoredObject]:
        """Yield objects in and below ``folder`` ("" or ending in a slash), by names with this prefix.

        Only keys greater than ``after``; a folder without any is not read.
        """
        try:
            with os.scandir(f"{self._root}/{folder}") as entries:
                # With its slash, a folder's name sorts like the keys in it.
                found = {e.name + "/" * e.is_dir(follow_symlinks=False): e for e in entries}
        except (FileNotFoundError, NotADirectoryError):
            missing = self._missing()
            if isinstance(missing, Unavailable):
                raise missing from None
            return
        for name in sorted(found):
            if not name.startswith(name_prefix) or name.startswith("."):
                continue
            key = folder + name
            if key <= after and not (name.endswith("/") and after.startswith(key)):
                continue
            if name.endswith("/"):
                yield from self._walk(key, "", after)
                continue
            try:
                now = found[name].stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # Deleted since the folder was read.
            if not stat.S_ISREG(now.st_mode):
                continue  # Not an object: ``read`` would not find it either.
            yield StoredObject(key=key, size=now.st_size, modified=datetime.fromtimestamp(now.st_mtime, UTC))

    def _abort_uploads(self, prefix: str, before: datetime) -> int:
        aborted = 0
        for file in list(self.incoming.iterdir()):
            flat, _, mark = file.name.partition("~")
            milliseconds = mark.partition("~")[0]
            if not milliseconds.isdecimal() or not flat.replace(",", "/").startswith(prefix):
                continue
            if datetime.fromtimestamp(int(milliseconds) / 1000, UTC) < before:
                file.unlink(missing_ok=True)
                aborted += 1
        return aborted


def _take(walk: Iterator[StoredObject]) -> tuple[StoredObject, ...]:
    return tuple(islice(walk, _LIST_BATCH_SIZE))


def _pread(fd: int, start: int, end: int) -> bytes:
    """Read exactly [start, end). Raises Tampered if the file is shorter."""
    body = os.pread(fd, end - start, start)
    if len(body) == end - start:
        if start == end and os.fstat(fd).st_size < end:
            raise Tampered("An object is shorter than it was when it was stored.")
        return body
    # A pread may return fewer bytes than requested; on a local file system only at the end of the file.
    pieces = [body]
    start += len(body)
    while start < end:
        body = os.pread(fd, end - start, start)
        if not body:
            raise Tampered("An object is shorter than it was when it was stored.")
        pieces.append(body)
        start += len(body)
    return b"".join(pieces)
