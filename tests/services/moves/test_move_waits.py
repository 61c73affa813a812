"""What a move waits for, as the metrics of both vaults show it: each step that somebody has to look at."""

from datetime import timedelta

import pytest
from prometheus_client.core import Metric

from tests.fakes.objects import FakeLocks
from tests.services.moves.conftest import TwoVaults
from tests.support.restoring import write_all
from tests.support.service_house import House
from vault.domain.moves.move import WAITS
from vault.domain.retention.object_lock import ObjectLock
from vault.domain.stored.account_object_name import PREFIX as ACCOUNTS
from vault.web.routes.node import of_moves


async def shown(house: House) -> dict[str, float]:
    """Return how many moves wait at a vault, by for what; those for which none does are left out."""
    moves, oldest = await house.database.read(of_moves)
    assert steps(moves) == steps(oldest) == list(WAITS)
    counts = {one.labels["step"]: one.value for one in moves.samples}
    ages = {one.labels["step"]: one.value for one in oldest.samples}
    assert all((ages[step] > 0) == (count > 0) for step, count in counts.items())
    return {step: count for step, count in counts.items() if count}


def steps(family: Metric) -> list[str]:
    """Return the steps in their order."""
    return [one.labels["step"] for one in family.samples]


class Stopped(Exception):
    """The command dies."""


async def stop(*_: object) -> None:
    """Die."""
    raise Stopped


async def test_each_step_is_shown_until_its_command_ends(vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch):
    """Begun; dead after the cut; dead after the arrival; then ended, and nobody has to look."""
    here, there = vaults.here, vaults.there
    assert (await shown(here), await shown(there)) == ({}, {})
    await vaults.move.begin("leaver")
    assert (await shown(here), await shown(there)) == ({"copying": 1}, {"arriving": 1})
    for dies_at, step, left in (("_stay_away", "cut", {"arriving": 1}), ("_store", "ending", {})):
        with monkeypatch.context() as patched:
            patched.setattr(type(vaults.move), dies_at, stop)
            with pytest.raises(Stopped):
                await vaults.move("leaver", actor="operator")
        assert (await shown(here), await shown(there)) == ({step: 1}, left)
    await vaults.move("leaver", actor="operator")
    assert (await shown(here), await shown(there)) == ({}, {})


async def test_keys_that_a_lock_keeps_are_late(vaults: TwoVaults):
    """From the time that was given to the move, until nothing is left."""
    objects, account_id = vaults.here.objects, vaults.here.account.id
    await write_all(vaults.here)
    await vaults.move("leaver", actor="operator", keep=timedelta())
    (key,) = [one for one in objects.objects if one.startswith(ACCOUNTS) and account_id in one]
    objects.locks = FakeLocks(objects)
    objects.locks.kept[key] = ObjectLock(hold=True)
    assert await vaults.here.vault.jobs.destroy_rest() == 0
    assert await shown(vaults.here) == {"destruction": 1}
    del objects.locks.kept[key]
    assert await vaults.here.vault.jobs.destroy_rest() == 1
    assert await shown(vaults.here) == {}
