"""What a held snapshot costs the queue on PostgreSQL: ``python -m bench queue``; options: ``python -m bench.queue``.

Workers claim recordings and finish them as fast as they can, while call starts are answered at a steady rate. Variants,
each with a database of its own: nobody holds a snapshot, with autovacuum as PostgreSQL has it by default and as the
vault's migration sets it; and a transaction holds one from the beginning to the end, with claims that look at all that
waits, as they did once, and with those of this release, which look from a floor on. Prints claims a second at the
beginning and at the end, call starts, and what PostgreSQL's statistics say of the table ``recordings``.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, perf_counter
from typing import Final

import psycopg
import uvloop
from sqlalchemy import text

from bench.figures import percentile, print_title
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql, settle
from bench.stage import settings_of
from bench.waiting import announce_queue
from vault.composition.assemble import assemble
from vault.database.engines.claim_floors import ClaimFloors
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import LEASE
from vault.domain.recordings.transitions import CLAIM
from vault.services.service import Vault

_STATES: Final = tuple(sorted(CLAIM.sources))
_ACCOUNT: Final = "queue-0"
_CLAIMERS: Final = 8
#: More than any variant claims in a second, so that the queue does not end.
_CLAIMS_A_SECOND: Final = 1_500
_CALL_STARTS_A_SECOND: Final = 10
_FINISHED: Final = text(
    "UPDATE recordings SET state = 'available', sealed_announcement = NULL, lease_until = NULL, lease_token = NULL "
    "WHERE id = :id"
)
_BY_DEFAULT: Final = (
    "ALTER TABLE recordings RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
)
_STATISTICS: Final = (
    "SELECT n_dead_tup, n_tup_upd, n_tup_hot_upd, autovacuum_count FROM pg_stat_user_tables "
    "WHERE relname = 'recordings'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    name: str
    is_held: bool = False
    looks_at_all: bool = False
    by_default: bool = False


_VARIANTS: Final = (
    _Variant(name="nobody holds a snapshot, autovacuum by default", by_default=True),
    _Variant(name="nobody holds a snapshot"),
    _Variant(name="a snapshot is held, claims look at all", is_held=True, looks_at_all=True),
    _Variant(name="a snapshot is held", is_held=True),
)


@dataclass(slots=True)
class _Watch:
    """When each claim was finished, and what each call start took, both since the beginning in seconds."""

    begun: float = field(default_factory=monotonic)
    claimed: list[float] = field(default_factory=list)
    started: list[tuple[float, float]] = field(default_factory=list)

    def rate(self, first: float, last: float) -> float:
        """Return the claims a second between two times."""
        return sum(first <= at < last for at in self.claimed) / (last - first)

    def call_start(self, first: float, last: float, share: float) -> float:
        """Return the milliseconds of a call start between two times."""
        return percentile([took * 1000 for at, took in self.started if first <= at < last] or [0.0], share)


@contextmanager
def _looking_at_all() -> Iterator[None]:
    """Let every claim look at all that waits, as claims did once."""
    of = ClaimFloors.of
    ClaimFloors.of = lambda *_: (0,)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ClaimFloors.of = of  # type: ignore[method-assign]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each variant; the promise is for 600")
    parser.add_argument("--recordings", type=int, default=100_000, help="that are in the archive already")
    asked = parser.parse_args(arguments)
    print(describe_machine(), flush=True)
    print_title(f"A queue on PostgreSQL beside {asked.recordings:,} recordings, {asked.seconds} s a variant")
    with postgresql() as url, tempfile.TemporaryDirectory(prefix="callvault-queue-") as name:
        for number, variant in enumerate(_VARIANTS):
            own = another_database(url, number)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_measure(variant, own, Path(name) / str(number), asked.seconds, asked.recordings))


async def _measure(variant: _Variant, url: str, folder: Path, seconds: int, archived: int) -> None:
    async with AsyncExitStack() as stack:
        vault = await stack.enter_async_context(assemble(settings_of(str(folder), url), describing=False))
        if variant.looks_at_all:
            stack.enter_context(_looking_at_all())
        await _prepare(vault, url, seconds * _CLAIMS_A_SECOND, archived)
        with psycopg.connect(url, autocommit=True) as connection:
            if variant.by_default:
                connection.execute(_BY_DEFAULT)
            before = connection.execute(_STATISTICS).fetchone()
        with _holder(url) if variant.is_held else nullcontext():
            watch = await _run(vault, seconds)
        await asyncio.sleep(2)  # Sessions report their statistics a second later.
        with psycopg.connect(url, autocommit=True) as connection:
            after = connection.execute(_STATISTICS).fetchone()
    assert before is not None  # noqa: S101 - the table exists
    assert after is not None  # noqa: S101 - the same
    _print(variant, watch, seconds, [now - then for now, then in zip(after, before, strict=True)])


async def _prepare(vault: Vault, url: str, waiting: int, archived: int) -> None:
    """Let recordings wait, of which some are in the archive."""
    await announce_queue(vault, 0, first=1, last=archived + waiting)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE recordings SET state = 'available', sealed_announcement = NULL WHERE id IN "
            "(SELECT id FROM recordings ORDER BY received_at LIMIT %s)",
            (archived,),
        )
        # Each waits since a moment of its own, as recordings do.
        connection.execute(
            "UPDATE recordings r SET not_before = r.not_before - 3600000000 + n.place FROM "
            "(SELECT id, row_number() OVER () AS place FROM recordings WHERE state = 'received') n WHERE r.id = n.id"
        )
    settle(url)


@contextmanager
def _holder(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("SELECT pg_current_xact_id()")
        yield


async def _run(vault: Vault, seconds: int) -> _Watch:
    watch = _Watch()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CLAIMERS):
            group.create_task(_claim(vault, watch, seconds))
        group.create_task(_start_calls(vault, watch, seconds))
    return watch


async def _claim(vault: Vault, watch: _Watch, seconds: int) -> None:
    while monotonic() < watch.begun + seconds:
        held = await vault.database.claim(_STATES, lease=LEASE, likely=True)
        if held is None:
            raise RuntimeError("The queue has ended: there are fewer recordings than claims.")
        values = {"id": held.recording.id}
        await vault.database.write(
            lambda tx, values=values: tx.connection.execute(_FINISHED, values) and None
        )
        watch.claimed.append(monotonic() - watch.begun)


async def _start_calls(vault: Vault, watch: _Watch, seconds: int) -> None:
    account, _ = await vault.accounts.accounts.open(_ACCOUNT, name=None, locale=None, actor="bench")
    for number in range(seconds * _CALL_STARTS_A_SECOND):
        await asyncio.sleep(watch.begun + number / _CALL_STARTS_A_SECOND - monotonic())
        facts = CallFacts(
            call_ref=f"queue-{number}", direction="inbound", caller="+14155550123", callee="+12065550100",
            started_at=datetime.now(UTC),
        )  # fmt: skip
        begun = perf_counter()
        await vault.recordings.calls.start(account.id, facts)
        watch.started.append((begun - perf_counter() + monotonic() - watch.begun, perf_counter() - begun))


def _print(variant: _Variant, watch: _Watch, seconds: int, counts: Sequence[int]) -> None:
    dead, updated, hot, vacuums = counts
    tenth = seconds / 10
    print(f"  {variant.name}: {len(watch.claimed):,} recordings went through the queue")
    for name, first, last in (("first", 0.0, tenth), ("last", seconds - tenth, float(seconds))):
        starts = [watch.call_start(first, last, share) for share in (0.5, 0.99)]
        print(
            f"    {name} tenth    {watch.rate(first, last):7.0f} claims/s   call start p50 {starts[0]:.2f} ms, "
            f"p99 {starts[1]:.2f} ms"
        )
    print(
        f"    old versions   {dead:,} of {updated:,} updates, of which {hot:,} without a new index entry (HOT); "
        f"vacuumed {vacuums} times",
        flush=True,
    )


if __name__ == "__main__":
    main()
