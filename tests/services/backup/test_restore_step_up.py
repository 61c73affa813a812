"""Whether weighty acts need a fresh verification: no history that comes back lifts it, and a later one counts."""

from pathlib import Path

import pytest

from tests.services.backup.test_restore_named import behind
from tests.support.parties import ME
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.sign_in.step_up import StepUp, stricter
from vault.thread_pools import Threads


@pytest.mark.parametrize(
    ("own", "other", "required", "version"),
    [
        (StepUp(required=True, version=3), StepUp(required=False, version=9), True, 3),
        (StepUp(required=False, version=3), StepUp(required=True, version=2), True, 4),
        (StepUp(required=False, version=3), StepUp(required=True, version=7), True, 7),
        (StepUp(required=True, version=3), StepUp(required=True, version=5), True, 5),
        (StepUp(required=False, version=3), StepUp(required=False, version=2), False, 3),
        (StepUp(), StepUp(required=True, version=1), True, 1),
    ],
)
def test_of_two_histories_the_stricter_one_counts(
    own: StepUp, other: StepUp, version: int, *, required: bool
):
    """With a version that no later object of either history has already."""
    merged = stricter(own, other)
    assert (merged.required, merged.version) == (required, version)


async def test_the_object_store_alone_brings_it_back(house: House, tmp_path: Path, threads: Threads):
    """As it was set last."""
    step_up = house.vault.sign_in.step_up
    for required in (False, True):
        set_to = await step_up.set(house.account.id, required=required, **ME)
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await new.vault.sign_in.step_up.read(house.account.id) == set_to
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_an_old_database_does_not_lift_it(house: House, tmp_path: Path, threads: Threads):
    """One in which it was off; the same set again changes nothing."""
    step_up = house.vault.sign_in.step_up
    assert (await step_up.set(house.account.id, required=False, **ME)).version == 1

    async def require(house: House) -> None:
        for _ in range(2):
            assert (await step_up.set(house.account.id, required=True, **ME)).version == 2
        await write_all(house)

    async with behind(house, require, tmp_path / "old", threads) as old:
        assert (await old.vault.backup.restore(actor="operator")).findings == []
        assert (await old.vault.sign_in.step_up.read(house.account.id)).required
