"""How processor time grows with the size of the input, in a way that holds beside other load.

Wall-clock time says nothing on a busy machine. Here the processor time of this thread is compared with itself, on
inputs of n, 2n and 4n bytes: at each step the time doubles where the work is linear, and is four times as long where
it is quadratic.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

#: Twice the input may take up to this many times as long: in the middle, on a logarithmic scale, between
#: 2 (linear) and 4 (quadratic).
MAX_GROWTH = 8.0**0.5
#: Seconds that a call may be expected to take. What would take longer is not waited for.
_LONGEST = 5.0
#: Seconds of processor time that a sample lasts at least, far above the resolution of the clock.
_SAMPLE = 0.0001
#: Below this a ratio needs no more samples. Above it, it is taken again: noise goes away, growth does not.
_CLEARLY_LINEAR = 2.4
#: Seconds of a call from which each of the two steps counts. Below, where a field or a block happens to end makes one
#: step longer and the other shorter, so only both together count.
_NOTICED = 0.0005
#: How often a short measurement that failed is made again: under load, a whole one can be noise.
_TRIES = 4
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
    """What twice the input did to the time: at the worse of the two steps, or on average where it is very short."""

    ratio: float
    #: Seconds that the longest one takes.
    seconds: float


def growth(calls: Sequence[Callable[[], object]]) -> Growth:
    """Measure calls, of which the input of each is twice that of the one before, the shortest first.

    They are sampled in turn, and the shortest sample of each counts: other load only ever adds time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _growth(calls)
    finally:
        if collecting:
            gc.enable()


def _growth(calls: Sequence[Callable[[], object]]) -> Growth:
    once = Sample(calls[0], 1)
    once.seconds()  # Imports, caches and what is made at first use are paid for here.
    repeats = max(1, round(_SAMPLE / max(once.seconds(), 1e-7)))
    samples = [Sample(call, repeats) for call in calls]
    least = [float("inf")] * len(calls)
    for done in range(1, _MAX_ROUNDS + 1):
        least = [min(before, sample.seconds()) for before, sample in zip(least, samples, strict=True)]
        steps = [longer / shorter for shorter, longer in pairwise(least)]
        ratio = max(steps) if least[-1] / repeats > _NOTICED else prod(steps) ** (1 / len(steps))
        if (done >= _MIN_ROUNDS and ratio < _CLEARLY_LINEAR) or least[-1] > _LONGEST:
            break
    return Growth(ratio, least[-1] / repeats)


def _calls(run: Callable[[int], Callable[[], object]], limit: int) -> list[Callable[[], object]]:
    return [run(limit // 4), run(limit // 2), run(limit)]


def grows_too_fast(run: Callable[[int], Callable[[], object]], limit: int) -> float | None:
    """Return how fast the time grows up to inputs of ``limit``, if that is too fast; ``run`` makes a call of a size.

    Shorter inputs come first: if they grow like the square, and the longest would then take seconds, that is enough.
    """
    short = limit // 16
    found = growth(_calls(run, short))
    if found.ratio <= MAX_GROWTH or found.seconds * 16**2 < _LONGEST:
        calls = _calls(run, limit)
        for _ in range(_TRIES):
            found = growth(calls)
            if found.ratio <= MAX_GROWTH:
                break
    return found.ratio if found.ratio > MAX_GROWTH else None
