"""One account, recording or hold that cannot be read is kept, and stops the retention of nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.fakes.own_keys import ARN
from tests.services.retention.test_sweep_due import old_recording, ready
from tests.support.parties import ME, set_policy
from tests.support.retention import FIRST, age_policies, kept, place, set_retention
from tests.support.rotation import finish
from tests.support.service_house import LONG_AGO, House, with_account
from vault import metrics
from vault.database.stores.calls.call_facts import PendingCall
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE, State
from vault.domain.retention.policy import Match
from vault.errors import Busy
from vault.services.approvals import ask
from vault.services.retention import apply_policies, sweep_due
from vault.services.shared.clock_skew import LAST_SWEEP


async def test_an_account_whose_own_key_is_out_of_reach_stops_no_other(either: House):
    """Its policy cannot be opened, so nothing of it is erased; the other account's recording leaves."""
    houses = [either, await with_account(either, "beta")]
    for house in houses:
        await set_policy(house)
        await set_retention(house, kept(period="P10Y"))
    order = await either.database.read(lambda tx: tx.retention.accounts())
    first, second = sorted(houses, key=lambda house: order.index(house.account.id))
    ids = [await old_recording(house, f"rec-{house.account.id}") for house in (first, second)]
    for house in houses:
        await set_retention(house, kept(period="P30D"), at_once=False)
    mine = f"{ARN}mine"
    await first.vault.key_rotation.rotations.use_key(first.account.id, mine, **ME)
    await finish(first)
    await age_policies(first, timedelta(days=60))
    ring = first.vault.key_rotation.rotations.ring
    ring.own_keys.keys[mine].reachable = False
    ring.forget(first.account.id)
    assert await first.vault.jobs.apply_policies() == 1
    for _ in range(2):
        await first.vault.jobs.retention_sweep()
    assert [await first.state(ids[0]), await second.state(ids[1]) in GONE] == [State.AVAILABLE, True]
    # With its key back, the account is computed as well.
    ring.own_keys.keys[mine].reachable = True
    assert await first.vault.jobs.apply_policies() == 1


async def test_a_damaged_recording_stops_no_other_of_its_account(
    either: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It is kept, logged and counted once a run; also where damaged ones fill the first page."""
    monkeypatch.setattr(apply_policies, "BATCH_SIZE", 2)
    ids = [await old_recording(either, f"rec-{n}", call_ref=f"call-{n}") for n in range(5)]
    ids.sort()
    for damaged in ids[:3]:
        await either.set(damaged, sealed_details=b"damaged" * 20)
    # A class of one direction needs the facts of calls.
    await set_retention(
        either, kept(period="P30D"), kept("out", period="P90D", match=Match(direction="outbound"))
    )
    before = metrics.RETENTION_UNREADABLE._value.get()
    assert await either.vault.jobs.apply_policies() == 2
    assert metrics.RETENTION_UNREADABLE._value.get() == before + 3
    assert [record.getMessage() for record in caplog.records].count("retention.recording_unreadable") == 1
    for _ in range(2):
        await either.vault.jobs.retention_sweep()
    assert [await either.state(one) in GONE for one in ids] == [False, False, False, True, True]


async def test_an_account_with_too_many_approvals_is_capped_and_its_run_ends(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Nobody can be asked for more than the cap; the run is noted, and the next one goes on."""
    monkeypatch.setattr(sweep_due, "_CAP", 1)
    monkeypatch.setattr(ask, "MAX_WAITING", 1)
    hold = (await place(either, calls=["other"])).hold
    preview = await either.vault.retention.hold_releases.preview(either.account.id, hold.id)
    await either.vault.retention.hold_releases.ask(
        either.account.id, hold.id, digest=preview.digest, actor=FIRST
    )
    for n in range(3):
        await old_recording(either, f"rec-{n}", call_ref=f"call-{n}")
    await ready(either)
    before = await either.database.read(lambda tx: tx.metadata.get(LAST_SWEEP))
    for left in (2, 1):
        report = await either.vault.jobs.retention_sweep()
        assert (report.erased[either.account.id], report.capped) == (1, {either.account.id})
        run = await either.database.read(lambda tx: tx.retention.run_of(either.account.id))
        assert run is not None
        assert (run.outcome, run.residue) == ("capped", left)
    assert await either.database.read(lambda tx: tx.metadata.get(LAST_SWEEP)) != before


async def test_a_hold_that_cannot_be_read_keeps_its_account_alone(either: House):
    """What it covers is not known, so everything of the account is kept, and the other account's recording leaves."""
    other = await with_account(either, "beta")
    await set_policy(other)
    kept_id = await old_recording(either)
    leaving = await old_recording(other, "rec-b")
    await place(either, calls=["another"])
    await set_retention(either, kept(period="P30D"))
    await ready(other)
    broken = text("UPDATE holds SET covers = '{\"v\": 2}'")
    await either.database.write(lambda tx: tx.connection.execute(broken) and None)
    report = await either.vault.jobs.retention_sweep()
    assert dict(report.erased) == {other.account.id: 1}
    assert [await either.state(kept_id), await other.state(leaving) in GONE] == [State.AVAILABLE, True]
    with pytest.raises(Busy):
        await either.vault.recordings.recordings.erase(either.account.id, kept_id, **ME)


async def test_a_call_that_waits_under_a_hold_that_cannot_be_read_stops_no_other(either: House):
    """Its facts stay, and the other account's recording leaves in the same run."""
    other = await with_account(either, "beta")
    await set_policy(other)
    leaving = await old_recording(other, "rec-b")
    await ready(other)
    await either.vault.recordings.calls.start(
        either.account.id, CallFacts(call_ref="call-1", caller="+12025550184")
    )
    pending = PendingCall(account_id=either.account.id, call_ref="call-1", since=LONG_AGO, actor=FIRST)
    await either.database.write(lambda tx: tx.pending_calls.add(pending))
    await place(either, calls=["another"])
    broken = text("UPDATE holds SET covers = '{\"v\": 2}'")
    await either.database.write(lambda tx: tx.connection.execute(broken) and None)
    report = await either.vault.jobs.retention_sweep()
    assert dict(report.erased) == {other.account.id: 1}
    assert await other.state(leaving) in GONE
    facts = await either.database.read(lambda tx: tx.call_facts.of_call(either.account.id, "call-1"))
    assert len(facts) == 1
