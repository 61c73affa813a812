"""Samples, their medians, and the ratios of those: how the benchmark measures and what it prints.

The machine's speed wanders, by more than what is to be measured. So the variants of a part take turns
in short rounds, each second round backwards, and a ratio is the median of the rounds' own ratios: both
of its sides were measured within seconds of each other. Raw figures stand beside it for orientation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One variant in one round."""

    #: In the part's unit: requests or megabytes a second, or milliseconds.
    value: float
    #: What else was seen, by name, in milliseconds.
    more: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a ratio should be."""

    bound: float
    #: False where less is better.
    at_least: bool = True

    def verdict(self, ratio: float) -> str:
        """Return the aim and whether it was met."""
        met = ratio >= self.bound if self.at_least else ratio <= self.bound
        return f"aim {'>=' if self.at_least else '<='} {self.bound:g}: {'met' if met else 'MISSED'}"


Series = dict[str, list[Sample]]


def take_turns(variants: Mapping[str, Callable[[], Sample]], *, rounds: int) -> Series:
    """Measure every variant once to warm up, then once in each round."""
    for measure in variants.values():
        measure()
    series: Series = {name: [] for name in variants}
    for number in range(rounds):
        for name in list(variants) if number % 2 == 0 else reversed(list(variants)):
            series[name].append(variants[name]())
    return series


def print_raw(series: Series, unit: str, words: Mapping[str, str]) -> None:
    """Print each variant's median, and in words what it is."""
    for name, samples in series.items():
        value = median(sample.value for sample in samples)
        more = "".join(
            f"  {key} {median(sample.more[key] for sample in samples):.2f} ms" for key in samples[0].more
        )
        print(f"    {name:<26} {value:>10.6g} {unit}{more}")
        print(f"        = {words[name]}")


def print_ratio(series: Series, over: str, under: str, aim: Aim | None = None) -> None:
    """Print the median ratio of two variants, its range over the rounds, and the aim."""
    ratios = [a.value / b.value for a, b in zip(series[over], series[under], strict=True)]
    said = f"  {aim.verdict(median(ratios))}" if aim else ""
    print(f"  > {over} / {under}: {_short(median(ratios))} ({_range(ratios)}){said}", flush=True)


def print_slowest(name: str, series: Sequence[Sample], key: str, aim: Aim) -> None:
    """Print the worst round's time, its range over the rounds, and the aim: a deadline has no median."""
    print_worst(name, [sample.more[key] for sample in series], unit=" ms", aim=aim)


def print_worst(name: str, values: Sequence[float], *, unit: str = "", aim: Aim | None = None) -> None:
    """Print the worst round's figure, its range over the rounds, and the aim. Without one the largest is worst."""
    worst = min(values) if aim and aim.at_least else max(values)
    said = f"  {aim.verdict(worst)}" if aim else ""
    print(f"  > {name}: {_short(worst)}{unit} ({_range(values)}){said}", flush=True)


def print_time(name: str, time: float, series: Sequence[Sample], key: str, aim: Aim | None) -> None:
    """Print a time over all rounds, its range over each of them, and the aim."""
    said = f"  {aim.verdict(time)}" if aim else ""
    print(
        f"  > {name}: {_short(time)} ms ({_range([sample.more[key] for sample in series])}){said}", flush=True
    )


def print_title(title: str) -> None:
    """Begin a part."""
    print(f"\n{title}", flush=True)


def print_skipped(name: str, reason: str) -> None:
    """Say that a figure cannot be had here, and why."""
    print(f"  > {name}: skipped, {reason}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _range(ratios: Sequence[float]) -> str:
    return f"{_short(min(ratios))} to {_short(max(ratios))} in {len(ratios)} rounds"


def _short(ratio: float) -> str:
    if ratio >= 1000:  # noqa: PLR2004 - beyond this three digits would be written with an exponent
        return f"{ratio:.0f}"
    if ratio < 0.1:  # noqa: PLR2004 - below this two decimals say nothing
        return f"{ratio:.2g}"
    return f"{ratio:.3g}" if ratio >= 10 else f"{ratio:.2f}"  # noqa: PLR2004 - two digits say enough
