"""Which changes of the policy wait; and meanwhile, what a class of either policy leaves to a person is not erased."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.services.retention.test_sweep_due import old_recording, ready
from tests.support.retention import FIRST, age_policies, kept, place, release, set_retention
from tests.support.service_house import House
from vault.domain.recordings.recording import GONE, State
from vault.domain.retention.policy import Match, RetentionPolicy
from vault.errors import Refused


async def _sweep(house: House) -> None:
    await house.vault.jobs.apply_policies()
    await house.vault.jobs.retention_sweep()


async def test_a_class_for_review_erases_nothing_while_its_change_to_erase_waits(either: House):
    """The class in force counts, and not the one of the same name that waits."""
    recording_id = await old_recording(either)
    await ready(either, kept(period="P30D", at_end="review"))
    await set_retention(either, kept(period="P30D", at_end="erase"), at_once=False)
    await _sweep(either)
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    await age_policies(either, timedelta(days=60))
    await _sweep(either)
    assert await either.state(recording_id) in GONE


async def test_a_class_that_waits_for_review_under_another_name_keeps_its_recordings(either: House):
    """A row has the class in force alone: it is not due until the wait is over, and then a person decides."""
    recording_id = await old_recording(either)
    await ready(either, kept("old", period="P30D"))
    await set_retention(either, kept("new", period="P30D", at_end="review"), at_once=False)
    await _sweep(either)
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, False)
    await age_policies(either, timedelta(days=60))
    await _sweep(either)
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)


async def test_another_class_for_review_that_waits_stops_no_erasure(either: House):
    """A class that the recording does not belong to changes nothing for it."""
    recording_id = await old_recording(either)
    await ready(either, kept("old", period="P30D"))
    other = kept("other", period="P30D", at_end="review", match=Match(direction="outbound"))
    await set_retention(either, kept("old", period="P30D"), other, at_once=False)
    await _sweep(either)
    assert await either.state(recording_id) in GONE


@pytest.mark.parametrize("change", [{"told_reason": None}, {"waiting": timedelta(days=1)}])
async def test_a_reason_that_is_dropped_or_a_shorter_wait_needs_a_preview(
    either: House, change: dict[str, None]
):
    """Both let recordings be erased earlier."""
    before = RetentionPolicy(
        classes=(kept(period="P10Y"),), told_reason="A dispute", waiting=timedelta(days=30)
    )
    await set_retention(either, *before.classes, told_reason=before.told_reason, waiting=before.waiting)
    with pytest.raises(Refused) as refused:
        await either.vault.retention.policy.set(
            either.account.id, replace(before, **change), if_version=None, digest=None, actor=FIRST
        )
    assert refused.value.reasons == ("preview_missing",)


async def test_a_shorter_wait_counts_from_when_it_is_in_force(either: House):
    """Until then a released hold has the longer grace, and a change waits as long."""
    classes = kept(period="P10Y")
    await set_retention(either, classes, waiting=timedelta(days=30))
    await set_retention(either, classes, waiting=timedelta(days=1), at_once=False)
    hold = (await place(either, everything=True)).hold
    released = await release(either, hold.id)
    assert released.free_at is not None
    assert released.released_at is not None
    assert released.free_at - released.released_at == timedelta(days=30)
    changed = await set_retention(either, kept(period="P1Y"), waiting=timedelta(days=1), at_once=False)
    assert changed.effective_at is not None
    assert changed.changed_at is not None
    assert changed.effective_at - changed.changed_at == timedelta(days=30)
