"""Recovery mode begins on a running process, does nothing meanwhile, and ends by itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.services.backup.test_restore import off
from tests.support.restoring import copied, house_over, write_all
from tests.support.service_house import House
from vault import metrics
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.recordings.recording import State
from vault.errors import Unavailable
from vault.services.closing_acts import check_recovery
from vault.thread_pools import Threads
from vault.worker.tasks import looking, polling_tasks

pytestmark = pytest.mark.faults


async def no_pause(_seconds: float) -> None:
    """Let the others run, and wait for nothing."""
    await asyncio.sleep(0)


def impatient(
    house: House, pause: Callable[[float], Awaitable[None]] = no_pause
) -> check_recovery.RecoveryCheck:
    """Let the looks of a house follow each other as the test says."""
    recovery = house.vault.node.recovery
    object.__setattr__(recovery, "sleep", pause)  # It is frozen, and shared by all who ask.
    return recovery


def begun(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the reasons for which recovery mode began, as the log has them."""
    lines = [one for one in caplog.records if one.getMessage() == "recovery.begun"]
    assert {one.levelno for one in lines} <= {logging.CRITICAL}
    return [one.fields["reason"] for one in lines]  # type: ignore[attr-defined]


async def steps(house: House) -> list[bool]:
    """Take one step of every kind of the worker's work."""
    return [await task.step() for task in polling_tasks(house.vault, 1)]


async def test_one_of_two_primaries_stops_when_its_anchor_meets_the_other(
    house: House, tmp_path: Path, threads: Threads, caplog: pytest.LogCaptureFixture
):
    """The one that is late does not extend the anchor: its worker begins the mode, and does nothing from then on."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    async with house_over(house, SqliteDatabase(old), threads) as new:
        recovery = impatient(new)
        new.vault.jobs.log_publisher.anchor.sleep = no_pause
        assert not await recovery.check()
        # Both go on; the other is the first to anchor.
        await off(house)
        await write_all(house)
        waiting = (await new.announce()).recording_id or ""
        await new.vault.accounts.api_keys.issue(name="k", scopes=["*"], account_id=None, actor="operator")
        assert not recovery.on
        sign = looking(new.vault, replace(new.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign)
        with pytest.raises(Unavailable):
            await sign()
        assert recovery.on
        assert metrics.RECOVERY._value.get() == 1
        [reason] = begun(caplog)
        assert "callvault restore" in reason
        kept = dict(new.objects.objects)
        before = await new.database.read(lambda tx: tx.tree.head())
        assert not any(await steps(new))
        assert await new.database.read(lambda tx: tx.tree.head()) == before
        assert new.objects.objects == kept
        assert await new.state(waiting) is State.RECEIVED
        # The mode ends by itself when a restore has made it whole.
        watching = asyncio.create_task(recovery.watch())
        await new.vault.backup.restore(actor="operator")
        async with asyncio.timeout(30):
            while recovery.on:
                await asyncio.sleep(0)
        watching.cancel()
        assert metrics.RECOVERY._value.get() == 0
        assert len(begun(caplog)) == 1


async def test_an_anchor_on_its_way_out_begins_nothing(
    house: House, tmp_path: Path, threads: Threads, caplog: pytest.LogCaptureFixture
):
    """Another history's anchor is gone at the third check: nobody was shown it, and nothing stops."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    kept = {key: one for key, one in house.objects.objects.items() if key.startswith("closing/")}
    for key in kept:
        del house.objects.objects[key]
    async with house_over(house, SqliteDatabase(old), threads) as new:
        pauses = 0

        async def pause(_seconds: float) -> None:
            nonlocal pauses
            pauses += 1
            if pauses == 2:
                for key in [one for one in new.objects.objects if one.startswith("log/anchors/")]:
                    del new.objects.objects[key]

        impatient(new, pause)
        assert not await new.vault.node.recovery.check()
        assert pauses == 2
        assert begun(caplog) == []


async def test_closing_acts_alone_begin_it(house: House, tmp_path: Path, threads: Threads):
    """What was closed since the copy was not anchored: the journal has it, and a restore brings it."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        impatient(new)
        assert (await new.vault.accounts.switch.read(new.account.id)).enabled
        with pytest.raises(Unavailable):
            await new.vault.node.recovery.require_complete()
        assert "1 of the closing acts" in (new.vault.node.recovery.state.reason or "")
        await new.vault.backup.restore(actor="operator")
        assert not await new.vault.node.recovery.check()
        assert not (await new.vault.accounts.switch.read(new.account.id)).enabled


async def test_an_act_that_comes_late_is_noticed_by_a_process_that_runs(
    house: House, tmp_path: Path, threads: Threads
):
    """A primary that lost its turn acknowledged it after the other one had looked: nobody starts that one again."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    async with house_over(house, SqliteDatabase(old), threads) as new:
        pauses: list[float] = []

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        recovery = impatient(new, pause)
        assert not await recovery.check()
        watching = asyncio.create_task(recovery.watch())
        async with asyncio.timeout(30):
            while len(pauses) < 3:
                await asyncio.sleep(0)
        assert not recovery.on
        assert all(45 <= one <= 75 for one in pauses)
        await off(house)
        async with asyncio.timeout(30):
            while not recovery.on:
                await asyncio.sleep(0)
        watching.cancel()
        assert "1 of the closing acts" in (recovery.state.reason or "")


async def test_the_mode_lasts_to_the_end_of_a_restore(
    house: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """One that was killed when the log was whole again and its last step was not: nothing is served before the next."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        impatient(new)

        def killed(*_given: object) -> None:
            raise Unavailable("The process ends here.")

        with monkeypatch.context() as patched:
            patched.setattr("vault.services.backup.restore._finish", killed)
            with pytest.raises(Unavailable):
                await new.vault.backup.restore(actor="operator")
        assert await new.vault.node.recovery.check()
        await new.vault.backup.restore(actor="operator")
        assert not await new.vault.node.recovery.check()
        assert check_recovery.WATCH_INTERVAL <= 2
