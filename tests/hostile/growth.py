"""How processor time grows with the size of the input, in a way that holds beside other load.

Wall-clock time says nothing on a busy machine. Here the processor time of this thread is compared with itself: an
input four times as long takes four times as long where the work is linear, and sixteen times where it is quadratic.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Four times the input may take up to this many times as long: in the middle, on a logarithmic scale, between
#: 4 (linear) and 16 (quadratic).
MAX_GROWTH = 8.0
#: Seconds that a call may be expected to take. What would take longer is not waited for.
_LONGEST = 5.0
#: Seconds of processor time that a sample lasts at least, far above the resolution of the clock.
_SAMPLE = 0.0001
#: Below this a ratio needs no more samples. Above it, it is taken again: noise goes away, growth does not.
_CLEARLY_LINEAR = 6.0
#: How often a short measurement that failed is made again: under load, a whole one can be noise.
_TRIES = 4
#: Seconds of a call beside which noise is small.
_SURE = 0.02
_MIN_ROUNDS, _MAX_ROUNDS = 2, 8


@dataclass(frozen=True, slots=True)
class Sample:
    """The shortest processor time of several runs at one size, for ``repeats`` calls."""

    run: Callable[[], object]
    repeats: int

    def seconds(self) -> float:
        """Take it once more."""
        begun = time.thread_time()
        for _ in range(self.repeats):
            self.run()
        return time.thread_time() - begun


@dataclass(frozen=True, slots=True)
class Growth:
    """What four times the input did to the time."""

    ratio: float
    #: Seconds that the longer one takes.
    seconds: float


def growth(small: Callable[[], object], large: Callable[[], object]) -> Growth:
    """Measure two calls, of which the input of the second is four times that of the first.

    Both are sampled in turn, and the shortest sample of each counts: other load only ever adds time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _growth(small, large)
    finally:
        if collecting:
            gc.enable()


def _growth(small: Callable[[], object], large: Callable[[], object]) -> Growth:
    once = Sample(small, 1)
    once.seconds()  # Imports, caches and what is made at first use are paid for here.
    repeats = max(1, round(_SAMPLE / max(once.seconds(), 1e-7)))
    first, second = Sample(small, repeats), Sample(large, repeats)
    least, most = float("inf"), float("inf")
    for done in range(1, _MAX_ROUNDS + 1):
        least, most = min(least, first.seconds()), min(most, second.seconds())
        if (done >= _MIN_ROUNDS and most / least < _CLEARLY_LINEAR) or most > _LONGEST:
            break
    return Growth(most / least, most / repeats)


def grows_too_fast(run: Callable[[int], Callable[[], object]], limit: int) -> float | None:
    """Return how fast the time grows up to inputs of ``limit``, if that is too fast; ``run`` makes a call of a size.

    Shorter inputs come first: if they grow like the square, and the longest would then take seconds, that is enough.
    """
    short = limit // 16
    found = growth(run(short // 4), run(short))
    if found.ratio <= MAX_GROWTH or found.seconds * 16**2 < _LONGEST:
        small, large = run(limit // 4), run(limit)
        for _ in range(_TRIES):
            found = growth(small, large)
            if found.ratio <= MAX_GROWTH or found.seconds > _SURE:
                break
    return found.ratio if found.ratio > MAX_GROWTH else None
