"""Many versions of a policy: an erasure reads those in force or waiting, and the history comes in pages.

Which changes of the policy wait; and meanwhile, what a class of either policy leaves to a person is not erased.

What a policy with many classes costs: a look-up of its decisions for each recording, and not in the one writer.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import delete, insert

from tests.services.retention.test_sweep_due import old_recording, ready
from tests.support.parties import ME, let_in
from tests.support.retention import FIRST, age_policies, kept, place, release, set_retention
from tests.support.service_house import House
from vault.database.account_parts.retention_policies import row_of_policy
from vault.database.schema.core import micros
from vault.database.schema.retention import retention_policies as table
from vault.database.stores.retention import retention_policies as store
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE, State
from vault.domain.retention.policy import CallTraits, ConflictDecision, Match, RetentionPolicy, in_force
from vault.domain.retention.terms import CallTimes, retention_terms
from vault.errors import Refused
from vault.services.retention import retention_policy
from vault.services.retention.compute_terms import RetentionFacts

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _versions(account_id: str, waits: tuple[int, ...], begun: datetime = BEGUN) -> list[dict[str, object]]:
    """Return rows of versions that were set every ten days, each with the days that it waits."""
    days = [begun + 10 * number * DAY for number in range(len(waits))]
    return [
        row_of_policy(
            account_id,
            RetentionPolicy(
                # A restore can leave gaps.
                version=2 * number + 1, classes=(kept(period=f"P{number + 1}D"),),
                changed_at=at, changed_by="key_x", effective_at=at + wait * DAY,
            ),
        )
        for number, (at, wait) in enumerate(zip(days, waits, strict=True))
    ]  # fmt: skip


async def test_what_is_read_is_what_all_versions_say(either: House):
    """For each order of changes that wait not at all, less, or longer than until the next one."""
    account_id = either.account.id

    def compare(tx: Transaction) -> int:
        compared = 0
        for waits in product((0, 7, 10, 30), repeat=4):
            tx.connection.execute(delete(table))
            tx.connection.execute(insert(table), _versions(account_id, waits))
            history = tx.retention.history(account_id, after=0, limit=50)
            for day in (-1, 0, 8, 30, 40, 70):
                now = BEGUN + day * DAY
                found = tx.retention.policies(account_id, now)
                assert (found.current, found.waiting) == in_force(history, now), (waits, day)
                compared += 1
        return compared

    assert await either.database.write(compare) == 4**4 * 6


async def test_versions_that_were_replaced_are_not_read(either: House):
    """A policy that two tools set in turn has hundreds of them, and each erasure would decode all."""
    rows = _versions(either.account.id, (0,) * 300, datetime(2010, 1, 1, tzinfo=UTC))

    def read(tx: Transaction) -> list[int]:
        tx.connection.execute(insert(table), rows)
        asked = {"account_id": either.account.id, "now": micros(tx.now())}
        return [row["version"] for row in store._NOT_REPLACED.rows(tx.connection, **asked)]

    assert await either.database.write(read) == [rows[-1]["version"]]


async def test_the_history_comes_in_pages(house: House):
    """Oldest first, each version once."""
    for days in (30, 40, 50):
        await set_retention(house, kept(period=f"P{days}D"))
    first = await house.vault.retention.policy.history(house.account.id, after=0, limit=2)
    second = await house.vault.retention.policy.history(house.account.id, after=first[-1].version, limit=2)
    assert [[one.version for one in page] for page in (first, second)] == [[1, 2], [3]]
    assert str(second[0].classes[0].period) == "P50D"


async def test_changes_that_wait_are_limited(house: House, monkeypatch: pytest.MonkeyPatch):
    """One that shortens nothing is in force immediately, and one that shortens is set when the wait is over."""
    monkeypatch.setattr(retention_policy, "MAX_WAITING_VERSIONS", 2)
    await set_retention(house, kept(period="P90D"))
    for days in (60, 50):
        await set_retention(house, kept(period=f"P{days}D"), at_once=False)
    with pytest.raises(Refused) as refused:
        await set_retention(house, kept(period="P40D"), at_once=False)
    assert refused.value.reasons == ("too_many_waiting",)
    await age_policies(house, timedelta(days=60))
    await set_retention(house, kept(period="P40D"), at_once=False)
    await set_retention(house, kept(period="P30D"), at_once=False)
    longer = RetentionPolicy(classes=(kept(period="P91D"),))
    await house.vault.retention.policy.set(house.account.id, longer, if_version=None, digest=None, **ME)
    view = await house.vault.retention.policy.read(house.account.id)
    assert (str(view.current.classes[0].period), view.waiting) == ("P91D", ())


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


def contradicting(classes: int) -> RetentionPolicy:
    """Return a policy whose minima are all longer than its maxima, with a decision for each pair."""
    lawful = {"minimum_ground": "legal_obligation", "statute": "a law"}
    made = tuple(kept(f"c{n}", minimum="P5Y", maximum="P1Y", **lawful) for n in range(classes))
    pairs = [(one.name, other.name) for one in made for other in made]
    decisions = tuple(
        ConflictDecision(minimum_of=least, maximum_of=most, applies="minimum", reason="r")
        for least, most in pairs
    )
    return RetentionPolicy(classes=made, decisions=decisions)


@pytest.mark.parametrize("classes", [4, 28])
def test_the_decisions_of_a_policy_are_read_once(classes: int, monkeypatch: pytest.MonkeyPatch):
    """Wrong: for each pair of classes, which made one recording cost 40 ms."""
    made, read = contradicting(classes), []
    by_pair = RetentionPolicy.decisions_by_pair.fget  # type: ignore[attr-defined]

    def counted(policy: RetentionPolicy) -> Mapping[Any, ConflictDecision]:
        read.append(policy)
        return by_pair(policy)  # type: ignore[no-any-return]

    monkeypatch.setattr(RetentionPolicy, "decisions_by_pair", property(counted))
    now = datetime.now(UTC)
    terms = retention_terms(made, CallTraits(), CallTimes(received_at=now, started_at=now, ended_at=now))
    assert not terms.conflict
    assert len(read) == 1


async def test_terms_are_not_computed_in_the_writer(house: House, monkeypatch: pytest.MonkeyPatch):
    """SQLite has one writer for all accounts."""
    await let_in(house)
    threads, marks = set[str](), RetentionFacts.marks

    def seen(facts: RetentionFacts, policies: Any) -> Any:
        threads.add(threading.current_thread().name)
        return marks(facts, policies)

    monkeypatch.setattr(RetentionFacts, "marks", seen)
    await set_retention(house, kept(period="P1Y"))
    assert await house.vault.jobs.apply_policies()
    assert threads == {threading.current_thread().name}
