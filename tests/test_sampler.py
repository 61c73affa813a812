"""The sampler of ``bench.profile``: CPU goes to the function, and the thread, that used it."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sampler import Sampler


@pytest.fixture
def sampler(tmp_path: Path) -> Iterator[Sampler]:
    """A sampler that the timer of this process's CPU drives."""
    sampler = Sampler(tmp_path / "stacks")
    before = signal.signal(signal.SIGPROF, sampler.sample)
    yield sampler
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def burn() -> None:
    """Use a fifth of a second of CPU."""
    end = time.process_time() + 0.2
    while time.process_time() < end:
        sum(range(1000))


def test_a_busy_function_has_the_samples_and_a_waiting_thread_hardly_any(sampler: Sampler, tmp_path: Path):
    """A thread that only waits uses no CPU once it has begun, whatever its stack is."""
    done = threading.Event()
    waiting = threading.Thread(target=done.wait)
    waiting.start()
    sampler.begin()
    burn()
    sampler.write()
    done.set()
    waiting.join()
    lines = [line.rpartition(" ") for line in (tmp_path / "stacks").read_text().splitlines()]
    spent = {stack: int(value) for stack, _, value in lines}
    busy = sum(value for stack, value in spent.items() if stack.endswith(":burn"))
    assert busy > 0.8 * sum(spent.values()) > 100_000
    idle = sum(value for stack, value in spent.items() if "Event.wait" in stack)
    assert idle < 0.05 * busy
