"""An idle worker asks the database nothing but its slow poll; and it hears again after its session was cut."""

import asyncio
from typing import Any

import pytest

from tests.support.service_house import House
from tests.support.working import cut_listeners, until, until_nothing_is_due, worker
from vault import metrics
from vault.domain.recordings.recording import State


def count_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each transaction."""
    counted: list[str] = []
    for name in ("read", "write"):
        original = getattr(house.database, name)

        async def call(*given: Any, original: Any = original, name: str = name, **named: Any) -> Any:
            counted.append(name)
            return await original(*given, **named)

        monkeypatch.setattr(house.database, name, call)
    return counted


async def test_an_idle_worker_reads_once_for_each_slow_poll(either: House, monkeypatch: pytest.MonkeyPatch):
    """22 kinds of work, and one transaction: all else waits for signals."""
    polls = metrics.POLLS.labels("schedule")._value
    async with worker(either, poll_interval=0.05):
        await until_nothing_is_due(either)
        counted = count_transactions(either, monkeypatch)

        async def quiet() -> bool:
            before, polled = len(counted), polls.get()
            await asyncio.sleep(0.5)
            # A poll may have begun on either side of the counting.
            return polls.get() - polled >= 2 and abs(len(counted) - before - (polls.get() - polled)) <= 1

        await until(quiet, "half a second with no transaction but that of the slow poll")


async def test_a_session_that_is_cut_comes_back_and_nothing_is_lost(
    on_postgresql: House, node: House, migrated_url: str, monkeypatch: pytest.MonkeyPatch
):
    """A signal that nobody heard is repaired by the poll after the connection, and later ones are heard again."""

    async def available(ref: str) -> None:
        recording_id = (await on_postgresql.announce(ref)).recording_id or ""

        async def arrived() -> bool:
            return await node.state(recording_id) is State.AVAILABLE

        if ref == "unheard":
            assert cut_listeners(migrated_url) == 1
        await until(arrived, f"{ref} available")

    async def listening() -> bool:
        return node.database.signals.holder is not None

    async with worker(node):
        await until_nothing_is_due(node)
        await until(listening, "the session that signals come by")
        with monkeypatch.context() as deaf:
            deaf.setattr(on_postgresql.database.signals, "emit", lambda _: None)
            await available("unheard")
        await available("heard")
