"""A bounded pool of threads that a cancelled caller does not run away from.

Cancelling an ``await`` on a thread leaves the thread running. If its caller then closes the file or
gives the lease back, the thread works on something that is no longer there. So ``run`` waits for
the thread even when its caller was cancelled, and only then lets the cancellation through.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple, Unpack

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


def _call(function: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Call it, and never let StopIteration out: a future refuses it, and its caller would wait for ever."""
    try:
        return function(*args)
    except StopIteration as error:
        raise RuntimeError("The function raised StopIteration.") from error
