"""Write one object into a directory store: a file in ``.incoming`` until it is complete.

The file is written with aiofiles. After a cancelled ``await`` on aiofiles its thread still writes, so every
step is awaited to its end, cancelled or not, before the file may be closed. After a failed write or fsync
the file is discarded, because the kernel reports a lost page only once.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from vault.errors import Unavailable
from vault.thread_pools import Threads

T = TypeVar("T")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class DirectoryWriter:
    """ObjectWriter on a file. ``publish`` links the durable file under its key; False if the key is taken."""

    def __init__(self, temporary: Path, threads: Threads, publish: Callable[[], bool]) -> None:
        """Store the temporary name; ``open`` creates the file."""
        self.temporary = temporary
        self.threads = threads
        self.publish = publish
        self.file: AsyncBufferedIOBase | None = None
        self.size = 0
        self.open_for_writing = True

    async def open(self) -> None:
        """Create the file. Raises Unavailable."""
        await self._step(self._open())

    async def write(self, block: bytes) -> None:
        """Append a block. Raises Unavailable, for example if the disk is full; then only ``abort`` may be called."""
        file = self._file()
        try:
            await self._step(file.write(block))
        except BaseException:
            self.open_for_writing = False
            raise
        self.size += len(block)

    async def finish(self) -> int:
        """Sync the file to disk, then make it visible under its key; return its size.

        Raises Unavailable, with nothing visible, if the disk fails or the key is already taken.
        """
        file = self._file()
        self.open_for_writing = False
        try:
            await self._step(self._durable(file))
            published = await self._step(self.threads.run(self.publish))
        finally:
            await self.abort()
        if not published:
            raise Unavailable(
                "An object with this key exists already; it is not overwritten.", cause="objects"
            )
        return self.size

    async def abort(self) -> None:
        """Close and delete the temporary file. After ``finish`` only that is left to do."""
        self.open_for_writing = False
        with contextlib.suppress(Unavailable):
            await self._step(self._close_and_unlink())

    def _file(self) -> AsyncBufferedIOBase:
        if not self.open_for_writing or self.file is None:
            raise RuntimeError("This object is finished, aborted, or failed before.")
        return self.file

    async def _open(self) -> None:
        self.file = await aiofiles.open(
            self.temporary, "xb", opener=private_file, executor=self.threads.executor
        )

    async def _durable(self, file: AsyncBufferedIOBase) -> None:
        await file.flush()
        await self.threads.run(os.fsync, file.fileno())

    async def _close_and_unlink(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            # Closing flushes the rest, and fails too if the disk is full, but it does close the file.
            with contextlib.suppress(OSError):
                await file.close()
        await self.threads.run(partial(self.temporary.unlink, missing_ok=True))

    async def _step(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end even if the caller is cancelled, and translate OSError to the port's errors."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except OSError as error:
            raise disk_trouble(error) from error
        except asyncio.CancelledError:
            while not task.done():
                # Also after a second cancellation the thread must not be left running.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # Retrieved, so that asyncio does not warn: the caller was cancelled.
            raise


def private_file(name: str, flags: int) -> int:
    """Open a file with mode 0600, without following links: an ``opener`` for ``open()``."""
    return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def disk_trouble(error: OSError) -> Unavailable:
    """Translate an OSError; the message contains no path."""
    if error.errno in _NO_ROOM:
        return Unavailable("The object store has no free space.", retry_after=30, cause="objects")
    if error.errno in _NOT_ALLOWED:
        return Unavailable(
            "The vault has no permission for the object store's directory.", retry_after=30, cause="objects"
        )
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return Unavailable(f"The object store's disk has an error ({name}).", cause="objects")
