"""Threads for calls that may never return: bounded in number, and nobody waits for them at the end."""

import subprocess
import sys
import threading
from concurrent.futures import wait

import pytest

from vault.thread_pools import DaemonThreads


def test_at_most_so_many_run_at_once_and_the_rest_in_the_order_they_came():
    """Four threads for forty calls, and one for calls that come one after the other."""
    threads, most, running, order = DaemonThreads("some", 4), [0], set(), []
    lock, together = threading.Lock(), threading.Barrier(4)

    def call(number: int) -> int:
        with lock:
            running.add(number)
            order.append(number)
            most[0] = max(most[0], len(running))
        if number < 4:
            together.wait(30)
        with lock:
            running.discard(number)
        return number

    futures = [threads.submit(lambda n=number: call(n)) for number in range(40)]
    assert [future.result(30) for future in futures] == list(range(40))
    assert (most[0], len(order)) == (4, 40)
    assert threads.close(seconds=30)


def test_a_call_that_was_cancelled_while_it_waited_never_runs():
    """And one that fails does so to whom waits for it; the thread goes on."""
    threads, release, ran = DaemonThreads("one", 1), threading.Event(), []
    first = threads.submit(lambda: release.wait(30))
    second = threads.submit(lambda: ran.append(2))
    third = threads.submit(lambda: 1 // 0)
    fourth = threads.submit(lambda: next(iter(())))
    assert second.cancel()
    release.set()
    wait([first, third, fourth], 30)
    with pytest.raises(ZeroDivisionError):
        third.result()
    with pytest.raises(RuntimeError):
        fourth.result()
    assert ran == []
    assert threads.close(seconds=30)


def test_a_process_ends_though_a_thread_is_stuck():
    """A ThreadPoolExecutor would be joined."""
    program = (
        "import threading; from vault.thread_pools import DaemonThreads; threads = DaemonThreads('stuck', 1);"
        "threads.submit(threading.Event().wait); print(threads.close(seconds=0.1))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout == "False\n"
