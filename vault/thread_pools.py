"""A bounded pool of threads that a cancelled caller does not run away from.

Cancelling an ``await`` on a thread leaves the thread running. If its caller then closes the file or
gives the lease back, the thread works on something that is no longer there. So ``run`` waits for
the thread even when its caller was cancelled, and only then lets the cancellation through.
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
    """At most ``size`` calls at once; more of them wait in the order they came."""

    def __init__(self, name: str, size: int) -> None:
        """Name the threads, so that a stack dump says which room they belong to."""
        self.executor = ThreadPoolExecutor(max_workers=size, thread_name_prefix=name)

    async def run(self, function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        """Run ``function(*args)`` off the loop and return what it returns, or raise what it raises.

        A cancellation is let through only after the thread has ended.
        """
        future = asyncio.get_running_loop().run_in_executor(self.executor, _call, function, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                # A second cancellation must not leave the thread behind either.
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue
            if not future.cancelled():
                future.exception()  # Mark it as seen: the caller is gone.
            raise

    def close(self) -> None:
        """Wait for the running calls and let the threads go."""
        self.executor.shutdown(wait=True)


class DaemonThreads:
    """At most ``size`` calls at once, on threads that no end of the process waits for.

    For calls that may never return: a ThreadPoolExecutor is joined when the interpreter ends.
    """

    def __init__(self, name: str, size: int) -> None:
        """Start no thread before the first call."""
        self._name, self._size = name, size
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """Return the future of ``function()``; cancelled before a thread has taken it, it never runs."""
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
        """Let the threads go, and wait for them for so long. Returns whether all have ended."""
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
                except BaseException as error:  # noqa: BLE001 - it belongs to whom waits for the future
                    future.set_exception(error)
            del future, function, taken

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return the next call; None at the end. A thread counts as idle only while the queue is empty."""
        try:
            return self._queue.get_nowait()
        except Empty:
            self._idle.release()
            return self._queue.get()


def _call(function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Call it, and never let StopIteration out: a future refuses it, and its caller would wait for ever."""
    try:
        return function(*args)
    except StopIteration as error:
        raise RuntimeError("The function raised StopIteration.") from error
