"""An object store in a directory: one file per object, for one machine and one process.

A new object grows in ``.incoming``, on the same file system, and is made durable there before it is
linked under its key; so a key either has the whole object or nothing, whenever the process or the
machine stops. What a crash leaves in ``.incoming`` is visible under no key, and ``abort_uploads``
removes it. Its name carries the key, the time it began and a random mark.

A missing ``.incoming`` means that the directory itself is not there (a disk that is not mounted), and
that is Unavailable: no object may be called missing because of it.
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
from vault.objects.directory_writer import DirectoryWriter, private_file
from vault.objects.disk_trouble import disk_trouble
from vault.objects.folders import CLOSED_TO_OTHERS, Folders, fsync_folder
from vault.objects.keys import SMALL, check_key, check_prefix
from vault.ports.objects import StoredObject, StoredVersion
from vault.thread_pools import Threads

T = TypeVar("T")
Args = TypeVarTuple("Args")

# How often a publication begins again because another process removed a folder under it.
_FOLDER_TRIES = 100
_LIST_BATCH_SIZE = 500
# Without O_NONBLOCK a FIFO in the place of an object would hold its reader, and a thread, for ever.
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
# What opening a socket, or a device that nobody serves, fails with.
_NOT_REGULAR = frozenset({errno.ENXIO, errno.ENODEV})


class DirectoryStore:
    """ObjectStore on a directory. ``threads`` bounds how many files are worked on at once."""

    def __init__(self, path: Path, threads: Threads) -> None:
        """Make the directory if it is missing. Raises StartRefused if that cannot be done."""
        self.root = path.absolute()
        self.incoming = self.root / ".incoming"
        self.threads = threads
        self.folders = Folders(self.root)
        # Reads are the hot path, and joining strings is cheaper there than joining paths.
        self._root = str(self.root)
        try:
            self.incoming.mkdir(mode=CLOSED_TO_OTHERS, parents=True, exist_ok=True)
            self.root.chmod(CLOSED_TO_OTHERS)
        except OSError as error:
            raise StartRefused(
                "The directory of the object store cannot be made or used. Give the vault's user a "
                "directory of its own, or point VAULT_OBJECTS_URL at another one."
            ) from error

    async def create(self, key: str) -> DirectoryWriter:
        """Begin an object of unknown length."""
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
        """Write a small object whole, in one hop. With ``if_absent`` an existing one stays: False."""
        del locked  # A file system has no such lock.
        check_key(key)
        return await self._run(self._put, key, body, self._publish if if_absent else self._replace)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly [start, end), in one hop: open, pread, close."""
        check_key(key)
        return await self._run(self._read, key, start, end)

    async def get(self, key: str) -> bytes:
        """Return a small object whole. Tampered if it is larger than 1 MiB."""
        check_key(key)
        return await self._run(self._read, key, 0, None)

    async def size(self, key: str) -> int:
        """Return how many bytes the object has."""
        check_key(key)
        return await self._run(self._size, key)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield every object below ``prefix`` in the order of keys, some hundreds for each hop."""
        check_prefix(prefix)
        folder, slash, begins = prefix.rpartition("/")
        walk = self._walk(folder + slash, begins)
        while batch := await self._run(_take, walk):
            for found in batch:
                yield found

    async def delete_older(self, key: str) -> None:
        """Do nothing: a directory keeps one version of each object."""
        check_key(key)

    async def versions(self, prefix: str) -> AsyncIterator[StoredVersion]:
        """Yield every object: a directory keeps one version of each."""
        async for found in self.list(prefix):
            yield StoredVersion(
                key=found.key, size=found.size, modified=found.modified, latest=True, deleted=False
            )

    async def delete(self, key: str) -> None:
        """Remove the object durably, and the folders that it leaves empty."""
        check_key(key)
        await self._run(self._delete, key)

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Remove what lies in ``.incoming`` for keys below ``prefix`` since before ``before``."""
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
                "The directory of the object store is not there.", retry_after=30, cause="objects"
            )
        return NotFound("There is no such object.")

    def _temporary(self, key: str) -> Path:
        """Name a file in ``.incoming``: key (its slashes as commas), milliseconds, random mark."""
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
            # What is not certain to last must not be visible.
            target.unlink(missing_ok=True)
            raise
        return True

    def _replace(self, temporary: Path, key: str) -> bool:
        """Rename a durable file to its key, durably, over what may be there."""
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

    def _walk(self, folder: str, begins: str) -> Iterator[StoredObject]:
        """Yield what is in ``folder`` ("" or ending in a slash) and below, where names begin so."""
        try:
            with os.scandir(f"{self._root}/{folder}") as entries:
                # With its slash a folder's name sorts as the keys in it do.
                found = {e.name + "/" * e.is_dir(follow_symlinks=False): e for e in entries}
        except (FileNotFoundError, NotADirectoryError):
            missing = self._missing()
            if isinstance(missing, Unavailable):
                raise missing from None
            return
        for name in sorted(found):
            if not name.startswith(begins) or name.startswith("."):
                continue
            if name.endswith("/"):
                yield from self._walk(folder + name, "")
                continue
            try:
                now = found[name].stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # Deleted since the folder was read.
            if not stat.S_ISREG(now.st_mode):
                continue  # No object: reading it would not find one either.
            yield StoredObject(
                key=folder + name, size=now.st_size, modified=datetime.fromtimestamp(now.st_mtime, UTC)
            )

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
    """Read exactly [start, end). Raises Tampered where the file is shorter."""
    body = os.pread(fd, end - start, start)
    if len(body) == end - start:
        if start == end and os.fstat(fd).st_size < end:
            raise Tampered("An object is shorter than it was when it was stored.")
        return body
    # One pread may return less than all, though on a local file system it does so at the end alone.
    pieces = [body]
    start += len(body)
    while start < end:
        body = os.pread(fd, end - start, start)
        if not body:
            raise Tampered("An object is shorter than it was when it was stored.")
        pieces.append(body)
        start += len(body)
    return b"".join(pieces)
