"""``python -m bench.sampler FILE ARGUMENT...``: run ``python -m vault ARGUMENT...`` and sample where its CPU goes.

A timer of CPU time interrupts the process, and the CPU that each thread has used since the sample before is counted
for the stack that the thread has now. SIGUSR1 begins a profile, SIGUSR2 writes it to FILE: one line for each stack, its
frames joined by semicolons with the outermost first, then its microseconds, as flame graph programs read it.
"""

import runpy
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

#: Seconds of CPU between two samples.
_INTERVAL: Final = 0.001
_ROOT: Final = Path(__file__).parents[1]
_BELOW: Final = ("site-packages/", "python3.11/", "python3.13/", f"{_ROOT}/")


class Sampler:
    """The samples of one profile."""

    def __init__(self, out: Path) -> None:
        """Write the profile to ``out``."""
        self._out = out
        self._microseconds: Counter[str] = Counter()
        self._used: dict[int, float] = {}
        self._names: dict[str, str] = {}

    def begin(self, *_: object) -> None:
        """Forget what was sampled, and sample from now on."""
        self._microseconds.clear()
        self._used = {thread: _cpu_of(thread) for thread in sys._current_frames()}  # noqa: SLF001 - documented
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)

    def write(self, *_: object) -> None:
        """Stop sampling and write the profile, in one step for a reader who waits for the file."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        new = self._out.with_suffix(".new")
        new.write_text("".join(f"{stack} {value}\n" for stack, value in self._microseconds.most_common()))
        new.rename(self._out)

    def sample(self, _: int, interrupted: FrameType | None) -> None:
        """Count the CPU of each thread since the last sample for its stack."""
        frames = sys._current_frames()  # noqa: SLF001 - documented
        own = threading.get_ident()
        for thread, frame in frames.items():
            used = _cpu_of(thread)
            spent = used - self._used.get(thread, 0.0)
            self._used[thread] = used
            if spent > 0:
                at = interrupted if thread == own else frame
                self._microseconds[self._stack(at)] += round(spent * 1_000_000)

    def _stack(self, frame: FrameType | None) -> str:
        names: list[str] = []
        while frame is not None:
            code = frame.f_code
            file = self._names.get(code.co_filename) or self._shorten(code.co_filename)
            names.append(f"{file}:{code.co_qualname}")
            frame = frame.f_back
        return ";".join(reversed(names)).replace(" ", "_")

    def _shorten(self, file: str) -> str:
        short = file
        for prefix in _BELOW:
            short = short.rpartition(prefix)[2]
        self._names[file] = short
        return short


def _cpu_of(thread: int) -> float:
    # Only threads that have a frame now are asked for, so they live.
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def main() -> None:
    """Run the vault with the remaining arguments."""
    sampler = Sampler(Path(sys.argv[1]))
    signal.signal(signal.SIGUSR1, sampler.begin)
    signal.signal(signal.SIGUSR2, sampler.write)
    signal.signal(signal.SIGPROF, sampler.sample)
    sys.argv[:] = ["vault", *sys.argv[2:]]
    runpy.run_module("vault", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
