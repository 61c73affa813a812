"""Bounded thread pools whose callers wait for the thread even when cancelled.

Cancelling an ``await`` on a thread leaves the thread running. If its caller then closes the file or
releases the lease, the thread uses a resource that is gone. So ``run`` waits for the thread even when
its caller was cancelled, and only then raises the cancellation.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Args = TypeVarTuple("Args")


class Threads:
    """Runs at most ``size`` calls concurrently; further calls wait in a FIFO queue."""

    def __init__(self, name: str, size: int) -> None:
        """Create the pool; ``name`` is the threads' prefix in stack dumps."""
        self.executor = ThreadPoolExecutor(max_workers=size, thread_name_prefix=name)

    async def run(self, function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Run ``function(*args)`` in a thread and return its result, or raise its error.

        A cancellation is raised only after the call has ended.
        """
        future = asyncio.get_running_loop().run_in_executor(self.executor, _call, function, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                # A second cancellation must wait for the thread too.
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue
            if not future.cancelled():
                future.exception()  # Mark it as retrieved: the caller is gone.
            raise

    async def run_for(self, seconds: float, function: Callable[[], T]) -> T:
        """Run ``function`` in a thread, and wait up to ``seconds`` for it. Raises its error, or TimeoutError.

        After that, or when the caller is cancelled, the thread goes on and its result is dropped: only for calls
        that change nothing.
        """
        result = asyncio.wrap_future(self.executor.submit(_call, function))
        try:
            done, _ = await asyncio.wait({result}, timeout=seconds)
        finally:
            if result.done():
                result.exception()  # Mark it as retrieved, in case the caller was cancelled.
            else:
                result.cancel()  # A call that still waits for a thread never runs.
        if not done:
            raise TimeoutError
        return result.result()

    def close(self) -> None:
        """Wait for the running calls and stop the threads."""
        self.executor.shutdown(wait=True)


class DaemonThreads:
    """Runs at most ``size`` calls concurrently, on threads that do not delay the end of the process.

    For calls that may never return: the interpreter joins a ThreadPoolExecutor's threads when it exits.
    """

    def __init__(self, name: str, size: int) -> None:
        """Create the pool; threads start on demand."""
        self._name, self._size = name, size
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """Queue ``function()`` and return its future; if cancelled before it starts, it never runs."""
        future: Future[T] = Future()
        self._queue.put((future, function))
        with self._lock:
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._size:
                name = f"{self._name}_{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def close(self, *, seconds: float) -> bool:
        """Stop the threads and wait up to ``seconds`` for them. Return whether all have ended."""
        for _ in self._threads:
            self._queue.put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            future, function = taken
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(_call(function))
                except BaseException as error:  # noqa: BLE001 - raised in the caller, by the future
                    future.set_exception(error)
            del future, function, taken

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return the next call; None to stop. A thread counts as idle only while the queue is empty."""
        try:
            return self._queue.get_nowait()
        except Empty:
            self._idle.release()
            return self._queue.get()


def _call(function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Call the function; convert StopIteration, which a future cannot hold: its caller would wait forever."""
    try:
        return function(*args)
    except StopIteration as error:
        raise RuntimeError("The function raised StopIteration.") from error
