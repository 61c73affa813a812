"""Clocks that jump by ten years or go back by a day: nothing is erased early, by no path, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import literal, update

from tests.services.retention.test_sweep_due import old_recording, ready
from tests.support.parties import ME, kept_apart, let_in, set_policy, tell
from tests.support.retention import kept, place, release, set_retention
from tests.support.service_house import House
from vault.database.schema.core import Moment
from vault.database.schema.retention import holds
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import RequestState
from vault.errors import Busy, Held, Refused
from vault.services.retention.retention_clock import HOLDS_CHECKED, PAUSED
from vault.services.retention.sweep_due import SweepReport
from vault.services.shared.clock_skew import LAST_SWEEP

_YEARS = timedelta(days=3650)
_LAW = {"minimum": "P5Y", "minimum_ground": "legal_obligation", "statute": "MiFID II 16(7)"}


async def _swept(house: House, **clocks: timedelta) -> SweepReport:
    """Sweep with clocks that are wrong by so much: of the node, and of the store."""
    house.objects.now = None if "store" not in clocks else datetime.now(UTC) + clocks["store"]
    return await _swept_by(house, clocks.get("node", timedelta()))


async def _swept_by(house: House, node: timedelta = timedelta()) -> SweepReport:
    """Sweep with a clock of the node that is wrong by so much."""
    sweep = house.vault.jobs.retention_sweep
    return await replace(sweep, clock=replace(sweep.clock, clock=lambda: datetime.now(UTC) + node))()


def _jump(patched: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let the database's clock jump."""
    at = datetime.now(UTC) + by
    patched.setattr("vault.database.transaction.database_now", lambda _: at)


async def test_a_node_ten_years_ahead_erases_nothing_early(either: House):
    """The database's clock is right."""
    recording_id = await let_in(either)
    await ready(either)
    await _swept(either, node=_YEARS)
    assert await either.state(recording_id) is State.AVAILABLE


@pytest.mark.parametrize("store", [{"store": timedelta()}, {}], ids=["a store that is right", "no witness"])
async def test_all_clocks_but_the_stores_ten_years_ahead_pause_the_sweep(
    either: House, monkeypatch: pytest.MonkeyPatch, store: dict[str, timedelta]
):
    """Node and database are ahead: the sweep stops, and goes on by the right time once a person says so."""
    recording_id, due = await let_in(either), await old_recording(either, "rec-2", call_ref="call-2")
    await ready(either)
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        for _ in range(2):
            assert (await _swept(either, node=_YEARS, **store)).paused
    assert await either.state(recording_id) is await either.state(due) is State.AVAILABLE
    assert (await either.events()).count("retention.paused") == 0  # It belongs to no account.
    # Right again, without a witness: a person must say so.
    assert (await _swept(either)).paused
    await either.vault.jobs.retention_sweep.clock.resume(actor="operator")
    assert (await _swept(either)).erased[either.account.id] == 1
    assert await either.state(recording_id) is State.AVAILABLE
    assert await either.state(due) in GONE


async def test_case_19_a_real_store_is_the_witness(pair: House, monkeypatch: pytest.MonkeyPatch):
    """An S3 server's clock ends the pause when the others agree with it; a directory has none, so a person does."""
    recording_id, due = await let_in(pair), await old_recording(pair, "rec-2", call_ref="call-2")
    await ready(pair)
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        assert (await _swept_by(pair, _YEARS)).paused
    assert await pair.state(recording_id) is await pair.state(due) is State.AVAILABLE
    if await pair.objects.clock() is None:
        assert (await _swept_by(pair)).paused
        await pair.vault.jobs.retention_sweep.clock.resume(actor="operator")
    assert (await _swept_by(pair)).erased[pair.account.id] == 1
    assert await pair.state(recording_id) is State.AVAILABLE
    assert await pair.settle(due) is State.ERASED


async def test_an_agreeing_store_ends_the_pause(either: House):
    """The store's clock is the witness."""
    await ready(either)
    assert (await _swept(either, store=-_YEARS)).paused
    assert not (await _swept(either, store=timedelta())).paused
    assert await either.database.read(lambda tx: tx.metadata.get(PAUSED)) is None


async def test_a_clock_that_goes_back_a_day_pauses_the_sweep(either: House):
    """What is due waits until the clock is right, and then leaves once."""
    recording_id = await old_recording(either)
    await ready(either)
    for _ in range(2):
        assert (await _swept(either, node=-timedelta(days=1))).paused
    assert await either.state(recording_id) is State.AVAILABLE
    await either.vault.jobs.retention_sweep.clock.resume(actor="operator")
    assert (await _swept(either)).erased[either.account.id] == 1
    assert not (await _swept(either)).erased
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert (await either.events(recording_id)).count("recording.erasing") == 1


async def test_a_long_pause_without_a_witness_needs_a_person(either: House):
    """After 27 hours without a run nobody can tell a jump from a vault that stood still."""
    await ready(either)
    past = (datetime.now(UTC) - timedelta(hours=27)).isoformat().replace("+00:00", "Z").encode()
    await either.database.write(lambda tx: tx.metadata.replace({LAST_SWEEP: past}))
    assert (await _swept(either)).paused
    assert not (await _swept(either, store=timedelta())).paused


async def _paused_while_a_hold_ended(house: House, *, checked: bool) -> None:
    """Let the last run be three days ago, and the grace of all released holds have ended a day later."""
    ago = {days: datetime.now(UTC) - timedelta(days=days) for days in (2, 3)}
    stamp = ago[3].isoformat().replace("+00:00", "Z").encode()
    stamps = {LAST_SWEEP: stamp} | ({HOLDS_CHECKED: stamp} if checked else {})

    def write(tx: Transaction) -> None:
        tx.metadata.replace(stamps, drop=[HOLDS_CHECKED])
        tx.connection.execute(update(holds).values(released_at=ago[3], free_at=ago[2]))

    await house.database.write(write)


@pytest.mark.parametrize("checked", [True, False], ids=["this release", "runs of earlier releases"])
async def test_a_hold_that_ended_in_a_pause_keeps_nothing_after_it(either: House, checked: bool):
    """To resume is no run: the next run frees what holds kept that have ended since the last one."""
    recording_id = await old_recording(either)
    hold = (await place(either, calls=["call-1"])).hold
    await ready(either)
    assert not (await _swept(either)).erased
    await release(either, hold.id)
    await _paused_while_a_hold_ended(either, checked=checked)
    assert (await _swept(either)).paused
    await either.vault.jobs.retention_sweep.clock.resume(actor="operator")
    assert (await _swept(either)).erased[either.account.id] == 1
    assert await either.state(recording_id) in GONE


async def test_a_withdrawal_in_a_pause_restricts_and_waits(either: House):
    """The end of a hold is not believed until a run, so the erasure waits; the person is not refused."""
    await set_policy(either, withdrawal="erase")
    recording_id = await let_in(either)
    hold = (await place(either, calls=["call-1"])).hold
    await ready(either, kept(period="P10Y"))
    await release(either, hold.id)
    await _paused_while_a_hold_ended(either, checked=True)
    just_now = datetime.now(UTC) - timedelta(hours=1)
    end = update(holds).values(free_at=just_now)
    await either.database.write(lambda tx: tx.connection.execute(end) and None)
    await tell(either, "withdrawn")
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    await either.vault.jobs.retention_sweep.clock.resume(actor="operator")
    assert (await _swept(either)).pending == 1
    assert await either.state(recording_id) in GONE


async def _refused(house: House, recording_id: str, error: type[Exception], **wanted: Any) -> None:
    with pytest.raises(error):
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME, **wanted)
    with pytest.raises(error):
        await house.vault.recordings.calls.erase(house.account.id, "call-1", **ME)
    assert await house.state(recording_id) is State.AVAILABLE


async def test_a_minimum_does_not_end_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """A plain erasure is refused as before."""
    recording_id = await let_in(either)
    await ready(either, kept(**_LAW))
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        await _refused(either, recording_id, Refused)


async def test_a_hold_does_not_end_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Neither one with an end, nor one that was released a moment ago, whose grace lasts for days."""
    recording_id = await let_in(either)
    await ready(either, kept(period="P10Y"))
    ending = await place(either, calls=["call-1"], ends_at=datetime.now(UTC) + timedelta(days=90))
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        await _refused(either, recording_id, Held)
    released = await place(either, recordings=[recording_id])
    await release(either, released.hold.id)
    await release(either, ending.hold.id, at_once=True)
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        await _refused(either, recording_id, Held)


async def test_a_shorter_policy_that_waits_does_not_begin_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Its wait is not over, whatever the database's clock says; what was computed by it permits nothing."""
    recording_id = await let_in(either)
    await ready(either, kept(**_LAW))
    await set_retention(either, kept(period="P10Y"), at_once=False)
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        await either.vault.jobs.apply_policies()
        await _refused(either, recording_id, (Busy, Refused))  # type: ignore[arg-type]
    await either.vault.jobs.apply_policies()
    await _refused(either, recording_id, Refused)


async def test_a_quarantine_does_not_end_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Its keys would be destroyed, and the missing evidence could not arrive any more."""
    await ready(either, kept(period="P10Y"))
    await set_policy(either)
    recording_id = await kept_apart(either)
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        future = literal(datetime.now(UTC) + _YEARS, Moment())
        wrong.setattr("vault.database.stores.recordings.recording_queue.sql_now", lambda *_: future)
        await either.vault.recordings.quarantine.expire()
    assert await either.state(recording_id) is State.QUARANTINED


async def test_an_account_is_not_closed_by_a_database_ten_years_ahead(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The waiting time, within which it can be taken back, is not over."""
    recording_id = await let_in(either)
    await ready(either, kept(period="P10Y"))
    await either.vault.requests.closures.ask(
        either.account.id, reason="The contract ends.", export=False, **ME
    )
    with monkeypatch.context() as wrong:
        _jump(wrong, _YEARS)
        for _ in range(3):
            await either.vault.jobs.execute_requests()
    assert await either.state(recording_id) is State.AVAILABLE
    taken_back = await either.vault.requests.closures.take_back(either.account.id, **ME)
    assert taken_back.state is RequestState.WITHDRAWN
