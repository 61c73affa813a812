"""Receivers that hang, of many accounts: they have places of their own, so that nobody waits for them who answers."""

import asyncio
from collections.abc import Callable

import pytest

from tests.services.outbox.probe import IGNORES, Hanging, Probe, probe, probing, with_outside
from tests.support.outbox import put, send_due
from tests.support.service_house import House
from vault.services.outbox import send_outbox

NAMES = [f"slow{number:02}" for number in range(60)]


def sent(house: House) -> list[str]:
    """Return the ids of what was answered, in its order."""
    return [one.headers["webhook-id"] for one in house.outside.sent]


async def work_until(house: House, condition: Callable[[], bool]) -> None:
    """Let a worker go on until something holds."""
    async with asyncio.timeout(20):
        while not condition():
            while await house.vault.jobs.send_outbox():
                pass
            await asyncio.sleep(0.01)


async def to_each(house: House, part: str) -> None:
    """Put a message for each of them into the outbox, each of an account of its own."""
    await put(house, *(probe(house, f"{one}-{part}", one, account_id=f"acct_{one}") for one in NAMES))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process with fewer places, where a turn lingers soon."""
    for name, value in {"PLACES": 32, "SLOW_PLACES": 32, "LINGERS": 0.2}.items():
        monkeypatch.setattr(send_outbox, name, value)


@pytest.mark.usefixtures("small")
async def test_receivers_that_linger_keep_nobody_waiting(either: House):
    """They take all places at first; another account has its message while every one of them still hangs.

    Once they are known to hang, no more of them begin than have places of their own.
    """
    house, _ = probing(either, Probe(sending_rules=IGNORES))
    hanging = Hanging(house, *NAMES)
    house = with_outside(house, hanging)
    sending = house.vault.jobs.send_outbox._sending
    await to_each(house, "1")
    await work_until(house, lambda: len(hanging.begun) >= 32)
    await put(house, probe(house, "one", "zz"))
    await work_until(house, lambda: sent(house) == ["one"])
    await work_until(house, lambda: len(hanging.begun) == sending.slow_places == 60)
    await to_each(house, "2")
    # To one of which nothing is known: on a busy machine the first may have taken too long too.
    await put(house, probe(house, "two", "yy"))
    await work_until(house, lambda: sent(house) == ["one", "two"])
    assert len(hanging.begun) == 60
    hanging.let_go.set()
    await send_due(house)
    assert len({*sent(house)}) == len(sent(house)) == 122
    assert sending.places == sending.slow_places == 0


@pytest.mark.usefixtures("small")
async def test_who_answers_again_lingers_no_more(either: House, monkeypatch: pytest.MonkeyPatch):
    """A receiver that hung has the places of all once it has answered in time."""
    house, _ = probing(either, Probe(sending_rules=IGNORES))
    hanging = Hanging(house, "slow00")
    house = with_outside(house, hanging)
    sending = house.vault.jobs.send_outbox._sending
    await put(house, probe(house, "one", "slow00"))
    await work_until(house, lambda: bool(sending.lingering))
    hanging.let_go.set()
    await send_due(house)
    assert list(sending.known_to_linger) == ["probe/slow00"]
    monkeypatch.setattr(send_outbox, "LINGERS", 60.0)
    await put(house, probe(house, "two", "slow00"))
    await send_due(house)
    assert sent(house) == ["one", "two"]
    assert not sending.known_to_linger
