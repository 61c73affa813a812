"""Part 8: how the time of an inclusion proof grows with the log."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import log2
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

from bench.figures import Aim, Sample, percentile, print_ratio, print_raw, print_title, take_turns
from bench.seeding import ACCOUNT_ID, seed_log
from bench.sizes import Sizes
from vault.composition.adapters import utc_now
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.audit_log.log_tree import Leaf
from vault.database.transaction import Transaction
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.proofs import LogProofs
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.note import Signer
from vault.tlog.proof_file import parse_proof_file, verify_proof_file

_SIGNER = Signer(name="bench.example/log", secret=bytes(32))
_WORDS = (
    "LogProofs.prove_event on SQLite, one after the other, each for an event anywhere among {size:,}: event and "
    "checkpoint read, nodes read and joined, the file written; the checkpoint was anchored before"
)


def proofs(sizes: Sizes, folder: Path) -> None:
    """Compare proofs in logs of several sizes, each seeded with true leaves and nodes, row by row."""
    trees = ", ".join(f"{size:,}" for size in sizes.trees)
    print_title(f"8. Inclusion proofs in logs of {trees} events, {sizes.rounds} rounds of {sizes.proofs}")
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        logs: dict[str, _Log] = {}
        for size in sizes.trees:
            path = folder / f"proofs-{size}.sqlite"
            seed_log(path, size)
            database = SqliteDatabase(path)
            stack.callback(database.close)
            logs[_name(size)] = _Log(size, database)
        hashes = {name: runner.run(one.longest()) for name, one in logs.items()}

        def round_of(log: _Log) -> Callable[[], Sample]:
            return lambda: runner.run(log.sample(sizes.proofs))

        series = take_turns({name: round_of(log) for name, log in logs.items()}, rounds=sizes.rounds)
    print_raw(series, "ms", {name: _WORDS.format(size=log.size) for name, log in logs.items()})
    _print_growth(hashes, logs)
    largest, smallest = sizes.trees[-1], sizes.trees[0]
    aim = Aim(bound=log2(largest) / log2(smallest), at_least=False)
    print_ratio(series, _name(largest), _name(smallest), aim)
    for path in folder.glob("proofs-*"):
        path.unlink()


def _name(size: int) -> str:
    return f"{size:,} events"


def _print_growth(hashes: Mapping[str, int], logs: Mapping[str, "_Log"]) -> None:
    said = ", ".join(
        f"{hashes[name]} of {log.size:,} (log2 {log2(log.size):.2f})" for name, log in logs.items()
    )
    ratio = log2(max(log.size for log in logs.values())) / log2(min(log.size for log in logs.values()))
    print(f"  hashes in the longest proof: {said}; the largest log2 is {ratio:.2f} times the smallest")


@dataclass(frozen=True, slots=True)
class _Log:
    """One log, and its proofs."""

    size: int
    database: SqliteDatabase

    def _prove(self) -> LogProofs:
        # What is anchored already is shown without a request to the object store, so none is there.
        nothing: Any = None
        anchor = Anchor(
            database=self.database, objects=nothing, signer=_SIGNER, clock=utc_now, published_log=nothing,
            publication=nothing,
        )  # fmt: skip
        return LogProofs(database=self.database, anchor=anchor, signer=_SIGNER, clock=utc_now, ring=nothing)

    async def longest(self) -> int:
        """Keep the head as anchored, verify proofs at both ends, and return how many hashes the longer one has."""
        await self.database.write(_keep_head)
        prove, count = self._prove(), 0
        for index in (self.size - 1, 0):
            file = await prove.prove_event(ACCOUNT_ID, index)
            (leaf,) = await self.database.read(partial(_leaves, index=index))
            _, checkpoint = verify_proof_file(file, leaf.leaf, [_SIGNER.verifier])
            if checkpoint.size != self.size:
                raise RuntimeError("The checkpoint does not cover the log.")
            count = max(count, len(parse_proof_file(file).hashes))
        return count

    async def sample(self, count: int) -> Sample:
        """Prove events at random places; return the median time, and p99."""
        prove, chance, times = self._prove(), random.Random(self.size), list[float]()  # noqa: S311 - the same places in every round
        for _ in range(count):
            index = chance.randrange(self.size)
            begun = perf_counter()
            await prove.prove_event(ACCOUNT_ID, index)
            times.append((perf_counter() - begun) * 1000)
        return Sample(value=percentile(times, 0.5), more={"p99": percentile(times, 0.99)})


def _keep_head(tx: Transaction) -> None:
    head = tx.tree.head()
    text = Checkpoint(origin=_SIGNER.name, size=head.size, root=head.root)
    tx.checkpoints.keep(StoredCheckpoint(size=head.size, note=sign_checkpoint(text, _SIGNER), at=utc_now()))


def _leaves(tx: Transaction, *, index: int) -> Sequence[Leaf]:
    return tx.tree.leaves(index, index + 1)
