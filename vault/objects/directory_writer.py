"""One object on its way into a directory store: a file in ``.incoming`` until it is whole.

The file is written with aiofiles. Cancelling an ``await`` on aiofiles leaves its thread writing, so
every step is waited for to its end, cancelled or not, before the file may be closed. After a failed
write or fsync the file is never trusted again: the kernel reports a lost page only once.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from vault.errors import Unavailable
from vault.objects.disk_trouble import disk_trouble
from vault.thread_pools import Threads

T = TypeVar("T")


class DirectoryWriter:
    """ObjectWriter on a file. ``publish`` gives the durable file its key, or says that it is taken."""

    def __init__(self, temporary: Path, threads: Threads, publish: Callable[[], bool]) -> None:
        """Keep the temporary name; nothing is made before ``open``."""
        self.temporary = temporary
        self.threads = threads
        self.publish = publish
        self.file: AsyncBufferedIOBase | None = None
        self.size = 0
        self.open_for_writing = True

    async def open(self) -> None:
        """Make the file. Raises Unavailable."""
        await self._step(self._open())

    async def write(self, block: bytes) -> None:
        """Append the block. Raises Unavailable without room; then only ``abort`` makes sense."""
        file = self._file()
        try:
            await self._step(file.write(block))
        except BaseException:
            self.open_for_writing = False
            raise
        self.size += len(block)

    async def finish(self) -> int:
        """Make the file durable, then visible under its key; return its size.

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
                "There is an object under this key already; nothing is overwritten.", cause="objects"
            )
        return self.size

    async def abort(self) -> None:
        """Close and remove the temporary file. After ``finish`` that is all that is left of it."""
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
            # Closing flushes what a full disk did not take and fails like it, but it does close the file.
            with contextlib.suppress(OSError):
                await file.close()
        await self.threads.run(partial(self.temporary.unlink, missing_ok=True))

    async def _step(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end even if the caller is cancelled, and speak the port's errors."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except OSError as error:
            raise disk_trouble(error) from error
        except asyncio.CancelledError:
            while not task.done():
                # A second cancellation must not leave the thread behind either.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # Mark it as seen: the caller is gone.
            raise


def private_file(name: str, flags: int) -> int:
    """Open for ``open()`` so that nobody else may read the file, and no link is followed."""
    return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
