"""A hold against an erasure by number and against the end of a quarantine, at the same moment, on both databases."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.services.requests.closures import closing
from tests.services.requests.people import ask, asks, carried_out, decide, hurry, recorded
from tests.support.counts import count
from tests.support.hold_races import checked, later
from tests.support.parties import ME, kept_apart, set_policy
from tests.support.retention import place, release
from tests.support.service_house import LONG_AGO, WITHOUT_EVIDENCE, House
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import RequestState
from vault.errors import Held, Refused
from vault.services.accounts.connections import ConnectionRequest
from vault.services.lifecycle import lifecycle

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


def _number(n: int) -> str:
    return f"+3361200{n:04}"


async def _asked(house: House, n: int) -> tuple[str, str]:
    """Return a recording, and the request of its caller, whose decision to erase waits for the worker."""
    recording_id = await recorded(house, f"call-{n}", caller=_number(n))
    view = await ask(house, asks(reference=f"ticket {n}", numbers=((_number(n), None),)))
    await decide(house, view.request.id)
    return recording_id, view.request.id


def _pause(longest: float) -> float:
    return random.random() * longest  # noqa: S311 - not a secret


@pytest.mark.parametrize("by", ["call", "number"])
async def test_a_hold_and_an_erasure_by_number_at_once(either: House, by: str):
    """Either the erasure was before the hold, or it waits for its end; then it is done once."""
    await either.vault.jobs.retention_sweep()
    lost = 0
    for n in range(count(f"holds by {by} against erasures by number", small=4, full=150)):
        recording_id, request_id = await _asked(either, n)
        covers: dict[str, Any] = {"calls": [f"call-{n}"]} if by == "call" else {"numbers": [_number(n)]}
        hold, _ = await asyncio.gather(
            later(_pause(0.08), place(either, **covers)), either.vault.jobs.execute_requests()
        )
        await checked(either, recording_id, hold.hold.id)
        closed = await carried_out(either, request_id)
        await either.vault.jobs.retention_sweep()
        await checked(either, recording_id, hold.hold.id)
        waits = await either.database.read(lambda tx, one=recording_id: tx.pending_erasures.get(one))  # type: ignore[misc]
        erased = await either.state(recording_id) in GONE
        assert (waits is None) is erased
        assert (closed is RequestState.FULFILLED) is erased
        lost += erased
        await release(either, hold.hold.id, at_once=True)
        await either.vault.jobs.retention_sweep()
        assert await either.state(recording_id) in GONE
        while await either.vault.jobs.log_publisher.sequence():
            pass
        assert (await either.events(recording_id)).count("recording.erasing") == 1
    print(f"the erasure was first {lost} times")


async def test_without_the_guard_an_erasure_by_number_passes_over_a_hold(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The check of the races sees it."""
    recording_id, request_id = await _asked(either, 1)
    hold = await place(either, calls=["call-1"])
    monkeypatch.setattr(lifecycle, "GUARDS", ())
    monkeypatch.setattr("vault.database.stores.retention.holds.covering", lambda *_: [])
    monkeypatch.setattr("vault.database.stores.retention.holds.covers", lambda *_: False)
    await carried_out(either, request_id)
    with pytest.raises(AssertionError):
        await checked(either, recording_id, hold.hold.id)


async def test_a_hold_and_the_end_of_a_quarantine_at_once(either: House):
    """It expires, or a person lets it in; what got in under a hold stays, and what expired was never available."""
    await set_policy(either)
    let_in = 0
    for n in range(count("holds against the end of a quarantine", small=4, full=150)):
        recording_id = await kept_apart(either, f"rec-{n}", call_ref=f"call-{n}")
        await either.set(recording_id, quarantined_until=LONG_AGO)
        await asyncio.gather(
            later(_pause(0.02), place(either, calls=[f"call-{n}"])),
            later(_pause(0.02), _release(either, recording_id)),
            later(_pause(0.04), either.vault.recordings.quarantine.expire()),
        )
        with suppress(Held, Refused):
            await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
        state = await either.state(recording_id)
        while await either.vault.jobs.log_publisher.sequence():
            pass
        told = await either.events(recording_id)
        assert ("recording.available" in told) is (state is State.AVAILABLE)
        assert (await either.keys_gone(recording_id)) is (state is not State.AVAILABLE)
        let_in += state is State.AVAILABLE
    print(f"a person was first {let_in} times")


async def _release(house: House, recording_id: str) -> None:
    with suppress(Refused):
        await house.vault.recordings.quarantine.release(
            house.account.id, recording_id, reason="She agreed on paper.", **ME
        )


async def _another_account(house: House, name: str) -> House:
    """Return the house with another account, which may be closed, and its connection."""
    account, _ = await house.vault.accounts.accounts.open(name, name=None, locale=None, **ME)
    await house.vault.consent.policy.set(account.id, WITHOUT_EVIDENCE, if_version=None, **ME)
    wish = ConnectionRequest(provider="platform", credentials={"secret": house.secret})
    connection, _, _ = await house.vault.accounts.connections.set(account.id, "main", wish, **ME)
    return replace(house, account=account, connection_id=connection.id)


async def test_a_hold_and_the_end_of_an_account_at_once(either: House):
    """What is held when the account ends is there until the release, whatever the worker repeats."""
    lost = 0
    for n in range(count("holds against the end of an account", small=3, full=150)):
        house = await _another_account(either, f"ends-{n}")
        recording_id = await recorded(house, "call-1")
        await closing(house)
        hold, _ = await asyncio.gather(
            later(_pause(0.08), place(house, calls=["call-1"])), house.vault.jobs.execute_requests()
        )
        await checked(house, recording_id, hold.hold.id)
        for _ in range(2):
            await hurry(house)
            await house.vault.jobs.execute_requests()
        await checked(house, recording_id, hold.hold.id)
        lost += await house.state(recording_id) in GONE
    print(f"the end of the account was first {lost} times")
