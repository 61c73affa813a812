"""Many random sequences on both databases, and each fault of before found again by them."""

from pathlib import Path

import pytest

from tests.services.consent.refusal_acts import play
from tests.services.consent.refusal_mutants import MUTANTS, Mutant
from tests.services.consent.refusal_oracle import Violation
from tests.support.counts import FULL, count
from tests.support.service_house import House
from vault.thread_pools import Threads

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

#: Where the seeds of the proofs begin: others than those of ``make test``.
_FIRST = 10_000


@pytest.mark.parametrize("part", range(4))
async def test_after_a_no_nothing_that_it_covers_is_heard(
    either: House, tmp_path: Path, threads: Threads, part: int
):
    """A failure names its seed and the acts that led to it."""
    many = count("sequences of random acts", small=6, full=500)
    for seed in range(_FIRST * (part + 1), _FIRST * (part + 1) + many):
        try:
            await play(either, seed, tmp_path, threads)
        except Violation as error:
            pytest.fail(f"seed {seed}: {error}")


#: The slowest are minutes of random acts.
_TRIED = list(MUTANTS)[: len(MUTANTS) if FULL else 3]


@pytest.mark.parametrize("mutant", _TRIED, ids=lambda one: one.__name__)
async def test_a_fault_of_before_is_found_again(
    house: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
):
    """Its mend is taken out, and a sequence shows that."""
    mutant(monkeypatch)
    for seed in range(MUTANTS[mutant]):
        try:
            await play(house, seed, tmp_path, threads)
        except Violation as error:
            print(f"{mutant.__name__}: found in sequence {seed + 1}, seed {seed}: {error}")
            return
    pytest.fail(f"not found in {MUTANTS[mutant]} sequences")
