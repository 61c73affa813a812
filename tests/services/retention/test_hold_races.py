"""A hold against every path that erases: nothing is erased under a hold that was answered before."""

import ast
import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.counts import count
from tests.support.hold_races import checked, due, later, prepared
from tests.support.parties import ME, tell
from tests.support.retention import place, release
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.errors import Held, RecordingErased
from vault.services.lifecycle import lifecycle

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
Path_ = Callable[[House, str, str], Awaitable[Any]]


async def _erase(house: House, recording_id: str, _call: str) -> None:
    with suppress(Held, RecordingErased):
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


async def _erase_call(house: House, _id: str, call: str) -> None:
    with suppress(Held, RecordingErased):
        await house.vault.recordings.calls.erase(house.account.id, call, **ME)


async def _withdraw(house: House, _id: str, call: str) -> None:
    await tell(house, "withdrawn", call=call)


async def _sweep(house: House, _id: str, _call: str) -> None:
    await house.vault.jobs.retention_sweep()


PATHS: dict[str, Path_] = {
    "erasure": _erase,
    "erasure of the call": _erase_call,
    "withdrawal": _withdraw,
    "sweep": _sweep,
}


@pytest.mark.parametrize("path", PATHS)
async def test_a_hold_and_an_erasure_at_once(either: House, path: str):
    """A hold and an erasure concurrently."""
    await prepared(either)
    for n in range(count(f"holds against {path}", small=3, full=150)):
        recording_id, call = await due(either, n)
        pauses = [random.random() / 100 for _ in range(2)]  # noqa: S311 - not a secret
        hold, _ = await asyncio.gather(
            later(pauses[0], place(either, calls=[call])),
            later(pauses[1], PATHS[path](either, recording_id, call)),
        )
        await checked(either, recording_id, hold.hold.id)
        await _erase(either, recording_id, call)
        await checked(either, recording_id, hold.hold.id)


async def test_a_new_hold_and_the_end_of_an_old_one_at_once(either: House):
    """A new hold and the end of an old one concurrently."""
    await prepared(either)
    for n in range(count("releases against new holds", small=3, full=150)):
        recording_id, call = await due(either, n)
        old = await place(either, calls=[call])
        new, _ = await asyncio.gather(
            place(either, recordings=[recording_id]), release(either, old.hold.id, at_once=True)
        )
        await asyncio.gather(*(work(either, recording_id, call) for work in PATHS.values()))
        assert await either.state(recording_id) is State.AVAILABLE
        await checked(either, recording_id, new.hold.id)


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_erases_what_a_hold_covers(either: House, path: str):
    """No path erases what a hold covers."""
    await prepared(either)
    recording_id, call = await due(either, 1)
    hold = await place(either, everything=True)
    for _ in range(3):
        await PATHS[path](either, recording_id, call)
    await checked(either, recording_id, hold.hold.id)


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_guard_the_check_finds_the_erasure(
    house: House, path: str, monkeypatch: pytest.MonkeyPatch
):
    """Without the guard the check finds the erasure."""
    await prepared(house)
    recording_id, call = await due(house, 1)
    await place(house, everything=True)
    monkeypatch.setattr(lifecycle, "GUARDS", ())
    monkeypatch.setattr("vault.database.stores.retention.holds.covering", lambda *_: [])
    monkeypatch.setattr("vault.database.stores.retention.holds.covers", lambda *_: False)
    hold = await place(house, calls=[call])
    await PATHS[path](house, recording_id, call)
    with pytest.raises(AssertionError):
        await checked(house, recording_id, hold.hold.id)


def test_every_change_of_a_state_asks_the_guards():
    """Every change of a state asks the guards."""
    tree = ast.parse(Path(lifecycle.__file__).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    changing = [f.name for f in functions if "RecordingStates(tx.connection).change(" in ast.unparse(f)]
    assert changing == ["_change"]
    body = ast.unparse(next(f for f in functions if f.name == "_change"))
    assert body.index("for guard in GUARDS") < body.index(".change(")
