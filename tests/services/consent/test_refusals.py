"""A no always wins: random acts in any order, with failures in between. More of them run under ``make proofs``."""

from pathlib import Path

import pytest

from tests.services.consent.refusal_acts import play
from tests.support.service_house import House
from vault.thread_pools import Threads


@pytest.mark.parametrize("first", [0, 1000])
async def test_after_a_no_nothing_that_it_covers_is_heard(
    house: House, tmp_path: Path, threads: Threads, first: int
):
    """Six sequences of each, the same in every run."""
    for seed in range(first, first + 6):
        await play(house, seed, tmp_path, threads)
