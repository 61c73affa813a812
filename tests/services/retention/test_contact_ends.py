"""The end of a contact, said by the controller: its period begins, ends after a wait, and can be taken back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from tests.support.parties import ME, let_in, set_policy
from tests.support.restoring import backed_up, empty_house, house_over, settle_journal, write_all
from tests.support.retention import kept, set_retention
from tests.support.service_house import House
from vault.database.schema.retention import contact_ends as table
from vault.domain.recordings.recording import GONE, State
from vault.errors import Invalid, Refused
from vault.services.retention import contact_ends
from vault.thread_pools import Threads

OLD = datetime(2020, 1, 1, tzinfo=UTC)
ENDED = datetime(2021, 6, 1, 12, tzinfo=UTC)
#: The caller's number, in another spelling.
SPELLED = "+1 (415) 555-0123"
CLASS = kept(period="P1Y", maximum="P90Y", starts="contact_ended")


async def _old(house: House, ref: str, call: str) -> str:
    recording_id = await let_in(house, ref, call_ref=call)
    await house.set(recording_id, call_started_at=OLD, call_ended_at=OLD)
    return recording_id


async def _end(house: House, *calls: str, at: datetime = ENDED) -> contact_ends.ContactChange:
    return await house.vault.retention.contact_ends.end(
        house.account.id, numbers=(), calls=calls, ended_at=at, actor="key_x"
    )


async def _swept(house: House) -> int:
    await house.vault.jobs.apply_policies()
    return (await house.vault.jobs.retention_sweep()).erased[house.account.id]


async def _wait_is_over(house: House) -> None:
    """Let what was said of contacts have been said a year ago; the terms are computed again."""
    ago = timedelta(days=365) // timedelta(microseconds=1)
    await house.database.write(
        lambda tx: (
            tx.connection.execute(text("UPDATE contact_ends SET told_at = told_at - :ago"), {"ago": ago})
            and None
        )
    )
    await house.database.write(
        lambda tx: tx.connection.execute(text("UPDATE recordings SET policy_version = -1000")) and None
    )


async def test_a_period_begins_when_the_contact_has_ended(either: House):
    """Nothing leaves before it is said, nor in the waiting time after it; another contact's recording stays."""
    ours, other = await _old(either, "rec-1", "call-1"), await _old(either, "rec-2", "call-2")
    await set_retention(either, CLASS)
    assert await _swept(either) == 0  # The first run erases nothing.
    assert await _swept(either) == 0
    assert await _end(either, "call-1") == contact_ends.ContactChange(recordings=1, changed=1)
    assert await _swept(either) == 0
    shown = await either.vault.retention.recordings(either.account.id, ours)
    assert shown.judgement.until is not None
    assert shown.judgement.until > datetime.now(UTC) + timedelta(days=6)
    assert shown.contact is not None
    assert shown.contact.ended_at == ENDED
    await _wait_is_over(either)
    assert await _swept(either) == 1
    assert await either.state(ours) in GONE
    assert await either.state(other) is State.AVAILABLE
    assert not await either.database.read(lambda tx: tx.contact_ends.of_recordings([ours]))


async def test_the_same_again_changes_nothing_and_a_later_end_counts(either: House):
    """The same end again writes no event; another end replaces it."""
    recording_id = await _old(either, "rec-1", "call-1")
    await _end(either, "call-1")
    assert (await _end(either, "call-1")).changed == 0
    later = ENDED + timedelta(days=100)
    assert (await _end(either, "call-1", at=later)).changed == 1
    known = await either.database.read(lambda tx: tx.contact_ends.of_recordings([recording_id]))
    assert known[recording_id].ended_at == later


async def test_what_is_taken_back_erases_nothing(either: House):
    """A recording that is due by the end of its contact is not erased after that was taken back."""
    recording_id = await _old(either, "rec-1", "call-1")
    await set_retention(either, CLASS)
    await _swept(either)
    await _end(either, "call-1")
    await _wait_is_over(either)
    await either.vault.jobs.apply_policies()
    assert await either.database.read(lambda tx: tx.retention.count_due(tx.now())) == {either.account.id: 1}
    await either.vault.retention.contact_ends.withdraw(either.account.id, numbers=(), calls=["call-1"], **ME)
    # Before the terms are computed again, and after that.
    assert (await either.vault.jobs.retention_sweep()).erased[either.account.id] == 0
    assert await _swept(either) == 0
    assert await either.state(recording_id) is State.AVAILABLE


async def test_an_end_of_a_clock_that_was_ahead_is_taken_back(either: House):
    """A time that was written an hour ahead does not stop a withdrawal."""
    recording_id = await _old(either, "rec-1", "call-1")
    await _end(either, "call-1")
    ahead = update(table).values(told_at=datetime.now(UTC) + timedelta(hours=1))
    await either.database.write(lambda tx: tx.connection.execute(ahead) and None)
    changed = await either.vault.retention.contact_ends.withdraw(
        either.account.id, numbers=(), calls=["call-1"], **ME
    )
    known = await either.database.read(lambda tx: tx.contact_ends.of_recordings([recording_id]))
    assert changed.changed == 1
    assert known[recording_id].ended_at is None


async def test_a_number_reaches_the_calls_that_began_by_then(either: House):
    """Any spelling of the number finds them; a call after the end belongs to a new contact."""
    await _old(either, "rec-1", "call-1")
    later = await let_in(either, "rec-2", call_ref="call-2")
    told = await either.vault.retention.contact_ends.end(
        either.account.id,
        numbers=[SPELLED],
        calls=(),
        ended_at=datetime.now(UTC) - timedelta(minutes=1),
        actor="key_x",
    )
    known = await either.database.read(lambda tx: tx.contact_ends.of_recordings([later]))
    assert (told.recordings, known) == (1, {})


@pytest.mark.parametrize(
    ("calls", "at", "field"),
    [
        ((), ENDED, "numbers"),
        (("call-1",), datetime(2999, 1, 1, tzinfo=UTC), "ended_at"),
        (("call-1",), datetime(1969, 1, 1, tzinfo=UTC), "ended_at"),
    ],
)
async def test_what_says_nothing_or_too_much_is_refused(
    house: House, calls: tuple[str, ...], at: datetime, field: str
):
    """Each refusal names its field."""
    with pytest.raises(Invalid) as refused:
        await _end(house, *calls, at=at)
    assert refused.value.field == field


async def test_a_number_that_is_none_is_named_by_its_place(house: House):
    """The list may have hundreds, and the error must not repeat one."""
    with pytest.raises(Invalid) as refused:
        await house.vault.retention.contact_ends.end(
            house.account.id, numbers=[SPELLED, "12 34 ab"], calls=(), ended_at=ENDED, actor="key_x"
        )
    assert (refused.value.field, "34" in str(refused.value)) == ("numbers.1", False)


async def test_the_number_of_a_switchboard_is_not_taken_for_an_extension(house: House):
    """The contact of everybody behind it would end."""
    with pytest.raises(Invalid, match="Extensions") as refused:
        await house.vault.retention.contact_ends.end(
            house.account.id, numbers=[SPELLED, f"{SPELLED};ext=12"], calls=(), ended_at=ENDED, actor="key_x"
        )
    assert refused.value.field == "numbers.1"


#: Ten digits without their country: of Washington, and by their length also of Egypt.
AMBIGUOUS = "2025550100"
EGYPTIAN = "+2025550100"
AMERICAN = "+12025550100"


async def _washington(house: House) -> dict[str, str]:
    """Return recordings of an account in Washington, by the number that was reported."""
    await set_policy(house, missing_evidence="accept", reason="not the subject", home_place="US-WA")
    numbers = (AMBIGUOUS, EGYPTIAN, AMERICAN)
    return {
        number: await let_in(house, f"rec-{n}", call_ref=f"call-{n}", **{"from": number})
        for n, number in enumerate(numbers)
    }


async def _of_numbers(house: House, *numbers: str, **more: Any) -> contact_ends.ContactChange:
    ended_at = datetime.now(UTC)
    more = {"numbers": numbers, "calls": (), "ended_at": ended_at, "actor": "key_x"} | more
    return await house.vault.retention.contact_ends.end(house.account.id, **more)


async def _ended(house: House, recordings: Mapping[str, str]) -> set[str]:
    """Return the reported numbers of the recordings whose contact has ended."""
    known = await house.database.read(lambda tx: tx.contact_ends.of_recordings([*recordings.values()]))
    return {number for number, one in recordings.items() if one in known and known[one].ended_at}


@pytest.mark.parametrize(
    ("number", "reached", "possible"),
    [(EGYPTIAN, {EGYPTIAN}, 1), (AMERICAN, {AMERICAN, AMBIGUOUS}, 0)],
)
async def test_the_end_of_a_contact_reaches_nobody_else(
    either: House, number: str, reached: set[str], possible: int
):
    """A call whose number can be that of somebody else too is counted; naming the call reaches it."""
    recordings = await _washington(either)
    change = await _of_numbers(either, number)
    assert await _ended(either, recordings) == reached
    assert change == contact_ends.ContactChange(
        recordings=len(reached), changed=len(reached), possible=possible
    )
    change = await _of_numbers(either, number, calls=["call-0"])
    assert await _ended(either, recordings) == reached | {AMBIGUOUS}
    assert (change.changed, change.possible) == (len(reached | {AMBIGUOUS}), 0)


async def test_a_withdrawal_reaches_what_is_possibly_of_the_contact(either: House):
    """Earlier releases wrote an end there, by which the recording would leave early."""
    recordings = await _washington(either)
    await _of_numbers(either, calls=["call-0", "call-1", "call-2"])
    change = await either.vault.retention.contact_ends.withdraw(
        either.account.id, numbers=[EGYPTIAN], calls=(), actor="key_x"
    )
    assert await _ended(either, recordings) == {AMERICAN}
    assert change == contact_ends.ContactChange(recordings=2, changed=2)


async def test_a_spelling_that_can_mean_several_numbers_is_refused(either: House):
    """Its sentence says how to write the number, and nothing is written."""
    recordings = await _washington(either)
    with pytest.raises(Invalid, match="with a plus and its country") as refused:
        await _of_numbers(either, AMERICAN, AMBIGUOUS)
    assert (refused.value.field, AMBIGUOUS in str(refused.value)) == ("numbers.1", False)
    with pytest.raises(Invalid, match="with a plus and its country"):
        await either.vault.retention.contact_ends.withdraw(
            either.account.id, numbers=[AMBIGUOUS], calls=(), actor="key_x"
        )
    assert await _ended(either, recordings) == set()


async def test_a_number_that_many_share_is_refused(house: House, monkeypatch: pytest.MonkeyPatch):
    """Above the limit nothing is written."""
    for number in range(3):
        await _old(house, f"rec-{number}", "call-1")
    monkeypatch.setattr(contact_ends, "MAX_RECORDINGS", 2)
    with pytest.raises(Refused) as refused:
        await _end(house, "call-1")
    assert refused.value.reasons == ("too_many_recordings",)
    assert not await house.database.read(
        lambda tx: tx.connection.execute(text("SELECT * FROM contact_ends")).all()
    )


async def test_more_than_one_page_is_told_whole(house: House, monkeypatch: pytest.MonkeyPatch):
    """Recordings beyond the first transaction are reached too."""
    for number in range(5):
        await _old(house, f"rec-{number}", "call-1")
    monkeypatch.setattr(contact_ends, "_BATCH_SIZE", 2)
    assert await _end(house, "call-1") == contact_ends.ContactChange(recordings=5, changed=5)


async def test_an_end_survives_the_loss_of_the_database(house: House, tmp_path: Path, threads: Threads):
    """The bucket alone has it, from the log; one that was taken back does not return."""
    ended, goes_on = await _old(house, "rec-1", "call-1"), await _old(house, "rec-2", "call-2")
    await _end(house, "call-1", "call-2")
    await house.vault.retention.contact_ends.withdraw(house.account.id, numbers=(), calls=["call-2"], **ME)
    before = await house.database.read(lambda tx: tx.contact_ends.of_recordings([ended, goes_on]))
    await write_all(house)
    await settle_journal(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        restored = await new.database.read(lambda tx: tx.contact_ends.of_recordings([ended, goes_on]))
    assert restored == before
    assert (restored[ended].ended_at, restored[goes_on].ended_at) == (ENDED, None)


@pytest.mark.parametrize("settled", [False, True], ids=["in the journal", "in the log"])
async def test_an_old_backup_learns_that_a_contact_goes_on(
    pair: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, settled: bool
):
    """A database from before the withdrawal does not erase by the end that was taken back."""
    recording_id = await _old(pair, "rec-1", "call-1")
    await _end(pair, "call-1")
    await write_all(pair)
    async with backed_up(pair, request, tmp_path, threads) as (later, old):
        await later.vault.retention.contact_ends.withdraw(pair.account.id, numbers=(), calls=["call-1"], **ME)
        if settled:
            await settle_journal(later)
        async with house_over(later, old, threads) as late:
            await late.vault.node.recovery.check()
            await late.vault.backup.restore(actor="operator")
            known = await old.read(lambda tx: tx.contact_ends.of_recordings([recording_id]))
    assert known[recording_id].ended_at is None
