"""The erasure of a call with more recordings than one transaction erases: in steps, and finished by a sweep."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.approvals import approve, ask_call, rule
from tests.support.parties import ME, let_in
from tests.support.retention import place, release
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import GONE, Recording
from vault.services.lifecycle import erase_call, lifecycle
from vault.services.recordings import calls

#: Recordings of the call, and of one transaction.
_MANY, _AT_ONCE = 5, 2


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erase two in a transaction."""
    monkeypatch.setattr(calls, "AT_ONCE", _AT_ONCE)


async def _large_call(house: House) -> Sequence[str]:
    return [await let_in(house, f"rec-{number}") for number in range(_MANY)]


async def _left(house: House, recording_ids: Sequence[str]) -> list[str]:
    return [one for one in recording_ids if (await house.row(one)).state not in GONE]


def _before_the_second_step(monkeypatch: pytest.MonkeyPatch, act: Callable[[Transaction], Any]) -> None:
    """Let something happen between the first transaction and those of the other recordings."""
    steps = calls._erase_waiting

    def acted(tx: Transaction, *given: Any) -> None:
        act(tx)
        steps(tx, *given)

    monkeypatch.setattr(calls, "_erase_waiting", acted)


async def _sweep(house: House) -> None:
    for _ in range(2):
        await house.vault.jobs.retention_sweep()


async def test_no_transaction_erases_more_than_its_number(either: House, monkeypatch: pytest.MonkeyPatch):
    """All are erased when the answer comes, a few in each transaction, and a repeated call changes nothing."""
    recordings = await _large_call(either)
    erase, erased = lifecycle.erase, dict[Transaction, int]()

    def counted(tx: Transaction, *given: Any, **more: Any) -> Recording:
        erased[tx] = erased.get(tx, 0) + 1
        return erase(tx, *given, **more)

    monkeypatch.setattr(lifecycle, "erase", counted)
    answer = await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)
    assert sorted(one.id for one in answer) == sorted(recordings)
    assert all(one.state in GONE for one in answer)
    sizes = list(erased.values())
    assert (sizes[0], sum(sizes)) == (_AT_ONCE, _MANY)
    assert max(sizes) <= _AT_ONCE
    again = await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)
    assert [one.id for one in again] == [one.id for one in answer]
    assert not await either.database.read(lambda tx: tx.pending_erasures.page(after="", limit=10))


async def test_what_a_crash_left_is_erased_by_the_sweep(either: House, monkeypatch: pytest.MonkeyPatch):
    """A process that dies after the first transaction leaves erasures that wait, and nobody has to ask again."""
    recordings = await _large_call(either)

    def die(_: Transaction) -> None:
        raise SystemError

    _before_the_second_step(monkeypatch, die)
    with pytest.raises(SystemError):
        await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)
    assert len(await _left(either, recordings)) == _MANY - _AT_ONCE
    await _sweep(either)
    assert not await _left(either, recordings)


async def test_a_hold_in_between_keeps_the_others_until_it_ends(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """A hold that is placed meanwhile keeps what is left; after its end the sweep erases that."""
    recordings = await _large_call(either)
    (last,) = recordings[-1:]
    hold = await place(either, recordings=[last])
    hidden = erase_call.holds_on_call
    monkeypatch.setattr(erase_call, "holds_on_call", lambda *_: [])
    answer = await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)
    monkeypatch.setattr(erase_call, "holds_on_call", hidden)
    assert [one.id for one in answer if one.state not in GONE] == [last]
    await _sweep(either)
    assert await _left(either, recordings) == [last]
    await release(either, hold.hold.id, at_once=True)
    await _sweep(either)
    assert not await _left(either, recordings)


async def test_an_approval_is_for_all_of_them_and_executed_once(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The approval binds every recording; a crash after its execution leaves nothing that needs another one."""
    recordings = await _large_call(either)
    await rule(either, "call_erasure", "recording_erasure")
    asked = await ask_call(either)
    assert asked.effect == {"recordings": _MANY}

    def die(_: Transaction) -> None:
        raise SystemError

    _before_the_second_step(monkeypatch, die)
    with pytest.raises(SystemError):
        await approve(either, asked)
    stored = (await either.vault.approvals.approvals.read(either.account.id, asked.id)).approval
    assert stored.state is ApprovalState.EXECUTED
    await _sweep(either)
    assert not await _left(either, recordings)
