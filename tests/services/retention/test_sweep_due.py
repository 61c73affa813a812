"""The retention sweep: what is due leaves, what must stay stays, and a wrong clock erases nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.parties import let_in, set_policy, tell
from tests.support.retention import approve_release, kept, place, release, set_retention
from tests.support.service_house import House
from vault.database.stores.retention.retention_policies import RetentionRows
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import GONE, State
from vault.domain.retention.policy import NO_POLICY, UNREADABLE
from vault.errors import Busy, Unavailable
from vault.services.lifecycle import lifecycle
from vault.services.retention import sweep_due

OLD = datetime(2020, 1, 1, tzinfo=UTC)


async def old_recording(house: House, ref: str = "rec-1", **data: Any) -> str:
    """Return an available recording of a call that ended long ago."""
    recording_id = await let_in(house, ref, **data)
    await house.set(recording_id, call_ended_at=OLD)
    return recording_id


async def ready(house: House, *classes: Any, **more: Any) -> None:
    """Set a policy that is in force, apply it, and let the first run, which erases nothing, be over."""
    await set_retention(house, *(classes or (kept(period="P30D"),)), **more)
    await house.vault.jobs.apply_policies()
    assert (await house.vault.jobs.retention_sweep()).first


async def test_what_is_due_leaves_and_the_rest_stays(either: House):
    """What is due leaves and the rest stays."""
    due, young = await old_recording(either), await let_in(either, "rec-2", call_ref="call-2")
    await ready(either)
    assert await either.state(due) is State.AVAILABLE
    report = await either.vault.jobs.retention_sweep()
    assert report.erased[either.account.id] == 1
    assert await either.state(due) in GONE
    assert await either.keys_gone(due)
    assert await either.state(young) is State.AVAILABLE
    run = await either.database.read(lambda tx: tx.retention.run_of(either.account.id))
    assert run is not None
    assert (run.outcome, run.erased, run.residue) == ("done", 1, 0)
    assert not (await either.vault.jobs.retention_sweep()).erased


async def test_a_held_recording_costs_the_sweep_nothing_until_its_hold_ends(either: House):
    """A held recording costs the sweep nothing until its hold ends."""
    recording_id = await old_recording(either)
    hold = (await place(either, calls=["call-1"])).hold
    await ready(either)
    assert not (await either.vault.jobs.retention_sweep()).erased
    assert await either.database.read(lambda tx: tx.retention.count_due(tx.now())) == {}
    await release(either, hold.id)
    assert not (await either.vault.jobs.retention_sweep()).erased
    await release_over(either, hold.id)
    assert (await either.vault.jobs.retention_sweep()).erased[either.account.id] == 1
    assert await either.state(recording_id) in GONE


async def release_over(house: House, hold_id: str) -> None:
    """Let the grace have ended a moment ago."""
    query = text("UPDATE holds SET free_at = :now WHERE id = :id")
    now = int((datetime.now(UTC) - timedelta(seconds=1)).timestamp() * 1_000_000)
    await house.database.write(lambda tx: tx.connection.execute(query, {"now": now, "id": hold_id}) and None)


async def test_an_erasure_that_waited_runs_when_the_last_hold_ends(either: House):
    """An erasure that waited runs when the last hold ends."""
    await set_policy(either, withdrawal="erase")
    recording_id = await let_in(either)
    first, second = await place(either, calls=["call-1"]), await place(either, everything=True)
    await tell(either, "withdrawn")
    await either.vault.jobs.retention_sweep()
    await release(either, first.hold.id, at_once=True)
    assert (await either.vault.jobs.retention_sweep()).pending == 0
    await release(either, second.hold.id, at_once=True)
    assert (await either.vault.jobs.retention_sweep()).pending == 1
    assert await either.state(recording_id) in GONE
    assert await either.database.read(lambda tx: tx.pending_erasures.get(recording_id)) is None


async def test_a_longer_policy_keeps_from_the_moment_it_is_set(either: House):
    """A longer policy keeps from the moment it is set."""
    recording_id = await old_recording(either)
    await ready(either)
    longer = replace(kept(period="P30D"), period=kept(period="P90Y").period)
    current = await either.vault.retention.policy.read(either.account.id)
    await either.vault.retention.policy.set(
        either.account.id,
        replace(current.current, classes=(longer,)),
        if_version=1,
        digest=None,
        actor="key_x",
    )
    assert not (await either.vault.jobs.retention_sweep()).erased
    assert await either.state(recording_id) is State.AVAILABLE


async def _make_unreadable(house: House) -> None:
    broken = text("UPDATE retention_policies SET policy = '{\"v\": 2}'")
    await house.database.write(lambda tx: tx.connection.execute(broken) and None)


async def test_a_policy_that_cannot_be_read_erases_nothing(either: House):
    """A policy that cannot be read erases nothing."""
    recording_id = await old_recording(either)
    await ready(either)
    await _make_unreadable(either)
    await either.vault.jobs.retention_sweep()
    assert await either.vault.jobs.apply_policies() == 0
    assert await either.state(recording_id) is State.AVAILABLE


async def test_every_overview_says_while_nothing_is_erased_by_time(either: House):
    """Until a policy is in force, and while it cannot be read, the overviews say that nothing is erased by time."""

    async def warning() -> str | None:
        account_id = either.account.id
        (shown,) = await either.vault.jobs.retention_sweep.preview()
        found = (await either.vault.retention.policy.warnings([account_id]))[account_id]
        assert (shown["account"], shown["warning"]) == (account_id, found)
        return found

    assert await warning() == NO_POLICY
    await set_retention(either, kept(period="P30D"), at_once=False)
    assert await warning() == NO_POLICY
    await ready(either, kept(period="P40D"))
    assert await warning() is None
    await _make_unreadable(either)
    assert await warning() == UNREADABLE


async def test_a_run_erases_no_more_than_its_cap(either: House, monkeypatch: pytest.MonkeyPatch):
    """A run erases no more than its cap."""
    monkeypatch.setattr(sweep_due, "_CAP", 2)
    ids = [await old_recording(either, f"rec-{n}", call_ref=f"call-{n}") for n in range(5)]
    await ready(either)
    report = await either.vault.jobs.retention_sweep()
    assert report.erased[either.account.id] == 2
    run = await either.database.read(lambda tx: tx.retention.run_of(either.account.id))
    assert run is not None
    assert (run.outcome, run.residue) == ("capped", 3)
    (asked,) = await either.vault.approvals.approvals.page(either.account.id, state=ApprovalState.PENDING)
    assert (asked.kind, asked.asked_by) == ("retention_cap", "worker")
    await approve_release(either, asked.id)
    assert (await either.vault.jobs.retention_sweep()).erased[either.account.id] == 3
    assert all([await either.state(recording_id) in GONE for recording_id in ids])


async def test_what_is_kept_does_not_use_up_the_cap(either: House, monkeypatch: pytest.MonkeyPatch):
    """The cap counts erasures alone, also where several are tried concurrently."""
    monkeypatch.setattr(sweep_due, "_CAP", 3)
    ids = [await old_recording(either, f"rec-{n}", call_ref=f"call-{n}") for n in range(5)]
    for held in (0, 2):  # They are due first.
        await either.set(ids[held], call_ended_at=OLD - timedelta(days=held + 1))
    await place(either, calls=["call-0", "call-2"])
    await ready(either)
    report = await either.vault.jobs.retention_sweep()
    assert report.erased[either.account.id] == 3
    assert report.capped == set()
    assert [await either.state(ids[n]) in GONE for n in range(5)] == [False, True, False, True, True]


async def test_a_residue_that_cannot_be_counted_is_unknown_and_not_zero(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The run tells an unknown residue from none."""
    await old_recording(either)
    await ready(either)

    def too_slow(*_arguments: object) -> int:
        raise Unavailable("The statement took too long.")

    monkeypatch.setattr(RetentionRows, "count_due", too_slow)
    assert (await either.vault.jobs.retention_sweep()).erased[either.account.id] == 1
    run = await either.database.read(lambda tx: tx.retention.run_of(either.account.id))
    assert run is not None
    assert (run.erased, run.residue) == (1, None)


async def test_an_erasure_that_a_guard_puts_off_goes_on_waiting(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The guard sees more than the sweep did, and the sweep goes on: the person's wish is not forgotten."""
    await set_policy(either, withdrawal="erase")
    recording_id = await let_in(either)
    hold = (await place(either, recordings=[recording_id])).hold
    await tell(either, "withdrawn")
    await release(either, hold.id, at_once=True)
    await either.vault.jobs.retention_sweep()

    def busy(*_arguments: object) -> None:
        raise Busy("The retention of this recording is being computed.", retry_after=60)

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "GUARDS", (busy,))
        assert (await either.vault.jobs.retention_sweep()).pending == 0
    assert await either.state(recording_id) is State.AVAILABLE
    assert (await either.vault.jobs.retention_sweep()).pending == 1


async def test_below_the_cap_nobody_counts_the_archive(house: House, monkeypatch: pytest.MonkeyPatch):
    """Below the cap a run does not count the archive, whose size it must not depend on."""
    await old_recording(house)
    await ready(house)

    def counted(*_arguments: object) -> int:
        raise AssertionError("The archive was counted.")

    monkeypatch.setattr(RetentionRows, "count_available", counted)
    assert (await house.vault.jobs.retention_sweep()).erased[house.account.id] == 1


async def test_at_the_end_of_a_class_for_review_the_recording_is_restricted(house: House):
    """At the end of a class for review the recording is restricted."""
    recording_id = await old_recording(house)
    await ready(house, kept(period="P30D", at_end="review"))
    await house.vault.jobs.retention_sweep()
    row = await house.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    assert (await house.events(recording_id)).count("retention.due") == 1
    await house.vault.jobs.retention_sweep()
    assert (await house.events(recording_id)).count("retention.due") == 1
