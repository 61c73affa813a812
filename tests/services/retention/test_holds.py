"""Holds: what they cover is not erased, by any path, until they are released and their grace has passed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.pairs import keys_in
from tests.support.parties import ME, kept_apart, let_in, set_policy, tell
from tests.support.restoring import write_all
from tests.support.retention import (
    FIRST,
    NUMBER,
    SECOND,
    age_approvals,
    age_previews,
    approve_release,
    end_grace,
    place,
    release,
)
from tests.support.service_house import AUDIO, House
from vault.domain.approvals.approval import ApprovalState
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE, State
from vault.errors import Held, Invalid, NotFound, Refused
from vault.services.retention.place_hold import HoldRequest


async def _erase(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


async def test_a_held_recording_is_not_erased(pair: House):
    """A held recording is not erased."""
    recording_id = await let_in(pair)
    await write_all(pair)
    hold = (await place(pair, recordings=[recording_id])).hold
    objects = await keys_in(pair.objects)
    with pytest.raises(Held) as refused:
        await _erase(pair, recording_id)
    assert (refused.value.reasons, refused.value.holds) == (("held",), (hold.id,))
    assert await pair.heard(recording_id) == AUDIO
    assert await keys_in(pair.objects) == objects
    await write_all(pair)
    assert (await pair.events(recording_id)).count("recording.erasing") == 0
    assert (await pair.events()).count("hold.placed") == 1


@pytest.mark.parametrize(
    "covers",
    [
        {"calls": ["call-1"]},
        {"numbers": [NUMBER]},
        {"numbers": ["(415) 555-0123"]},
        {"everything": True},
        {
            "everything": True,
            "from_": datetime(2020, 1, 1, tzinfo=UTC),
            "to": datetime(2100, 1, 1, tzinfo=UTC),
        },
    ],
    ids=str,
)
async def test_a_hold_covers_by_call_number_and_time(house: House, covers: dict[str, object]):
    """A hold covers by call number and time."""
    await set_policy(house, home_place="US")
    recording_id = await let_in(house)
    hold = await place(house, **covers)
    assert hold.bound == 1
    with pytest.raises(Held):
        await _erase(house, recording_id)
    with pytest.raises(Held):
        await house.vault.recordings.calls.erase(house.account.id, "call-1", **ME)


@pytest.mark.parametrize(
    "covers",
    [
        {"calls": ["call-2"]},
        {"numbers": ["+14155550199"]},
        {"everything": True, "to": datetime(2020, 1, 1, tzinfo=UTC)},
        {"numbers": [NUMBER], "from_": datetime(2100, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_hold_covers_nothing_else(house: House, covers: dict[str, object]):
    """A hold covers nothing else."""
    recording_id = await let_in(house)
    assert (await place(house, **covers)).bound == 0
    await _erase(house, recording_id)
    assert await house.state(recording_id) is State.ERASING


async def test_a_hold_by_number_binds_a_call_that_comes_later(either: House):
    """A hold by number binds a call that comes later."""
    await place(either, numbers=[NUMBER])
    recording_id = await let_in(either)
    with pytest.raises(Held):
        await _erase(either, recording_id)


async def test_a_held_call_without_a_recording_keeps_its_facts(house: House):
    """A held call without a recording keeps its facts."""
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-9", caller=NUMBER))
    hold = (await place(house, numbers=[NUMBER])).hold
    with pytest.raises(Held):
        await house.vault.recordings.calls.erase(house.account.id, "call-9", **ME)
    assert await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, "call-9"))
    await release(house, hold.id, at_once=True)
    await house.vault.recordings.calls.erase(house.account.id, "call-9", **ME)


async def test_of_two_holds_the_other_goes_on(either: House):
    """Of two holds the other goes on."""
    recording_id = await let_in(either)
    first, second = await place(either, calls=["call-1"]), await place(either, recordings=[recording_id])
    await release(either, first.hold.id, at_once=True)
    with pytest.raises(Held) as refused:
        await _erase(either, recording_id)
    assert refused.value.holds == (second.hold.id,)


async def test_a_withdrawal_under_a_hold_restricts_at_once_and_waits(either: House):
    """A withdrawal under a hold restricts immediately and waits."""
    await set_policy(either, withdrawal="erase")
    recording_id = await let_in(either)
    hold = (await place(either, recordings=[recording_id])).hold
    await tell(either, "withdrawn")
    row = await either.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    waits = await either.database.read(lambda tx: tx.pending_erasures.get(recording_id))
    assert waits is not None
    assert waits.cause == "withdrawal"
    await write_all(either)
    # Told again, the erasure's clock does not begin again.
    await tell(either, "withdrawn")
    assert await either.database.read(lambda tx: tx.pending_erasures.get(recording_id)) == waits
    await write_all(either)
    assert (await either.events(recording_id)).count("recording.pending_erasure") == 1
    preview = (await either.vault.retention.hold_releases.preview(either.account.id, hold.id)).effect
    assert (preview.erased, preview.pending, preview.recording_ids) == (1, 1, (recording_id,))


async def test_a_recording_that_is_not_available_is_held_by_its_call_or_number(either: House):
    """A recording that is not available is held by its call or number."""
    await set_policy(either)
    recording_id = await kept_apart(either)
    with pytest.raises(Refused) as refused:
        await place(either, recordings=[recording_id])
    assert refused.value.reasons == ("not_available",)
    await place(either, calls=["call-1"])
    with pytest.raises(Held):
        await _erase(either, recording_id)


async def test_the_switch_passes_over_a_hold_in_flight(either: House):
    """The switch passes over a hold in flight."""
    await place(either, numbers=[NUMBER])
    await set_policy(either)
    recording_id = await kept_apart(either)
    await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, **ME)
    assert await either.state(recording_id) is State.REFUSED
    assert await either.keys_gone(recording_id)
    # Nothing is left of it that a hold could keep.
    await _erase(either, recording_id)


async def test_a_release_needs_a_preview_a_second_key_and_its_grace(either: House):
    """A release needs a preview a second key and its grace."""
    recording_id, account_id = await let_in(either), either.account.id
    hold = (await place(either, recordings=[recording_id])).hold
    releases = either.vault.retention.hold_releases
    for digest in (None, "0" * 64):
        with pytest.raises(Refused, match="preview"):
            await releases.ask(account_id, hold.id, digest=digest, actor=FIRST)
    preview = await releases.preview(account_id, hold.id)
    asked = await releases.ask(account_id, hold.id, digest=preview.digest, actor=FIRST)
    assert await releases.ask(account_id, hold.id, digest=preview.digest, actor=SECOND) == asked
    with pytest.raises(Refused) as refused:
        await approve_release(either, asked.id, actor=FIRST)
    assert refused.value.reasons == ("same_key",)
    waiting = await either.vault.approvals.approvals.page(account_id, state=ApprovalState.PENDING)
    assert [waits.id for waits in waiting] == [asked.id]
    approved = await approve_release(either, asked.id)
    assert approved.state is ApprovalState.EXECUTED
    assert (approved.asked_by, approved.decided_by) == (FIRST, SECOND)
    released = (await either.vault.retention.holds.read(account_id, hold.id)).hold
    assert released.released_at is not None
    assert released.free_at is not None
    assert released.free_at - released.released_at == timedelta(days=7)
    with pytest.raises(Held):
        await _erase(either, recording_id)
    await end_grace(either, hold.id)
    await _erase(either, recording_id)
    assert await either.state(recording_id) in GONE


async def test_yesterdays_preview_and_last_weeks_question_are_void(house: House):
    """Yesterdays preview and last weeks question are void."""
    account_id = house.account.id
    hold = (await place(house, everything=True)).hold
    releases = house.vault.retention.hold_releases
    preview = await releases.preview(account_id, hold.id)
    await age_previews(house, timedelta(days=1, seconds=1))
    with pytest.raises(Refused) as refused:
        await releases.ask(account_id, hold.id, digest=preview.digest, actor=FIRST)
    assert refused.value.reasons == ("preview_stale",)
    preview = await releases.preview(account_id, hold.id)
    asked = await releases.ask(account_id, hold.id, digest=preview.digest, actor=FIRST)
    await age_approvals(house, timedelta(days=7, seconds=1))
    with pytest.raises(Refused, match="Ask again"):
        await approve_release(house, asked.id)


async def test_a_key_that_the_first_issued_is_no_second_key(house: House):
    """A key that the first issued is no second key."""
    account_id, keys = house.account.id, house.vault.accounts.api_keys
    mine, _ = await keys.issue(name="a", scopes=["*"], account_id=account_id, actor="operator")
    child, _ = await keys.issue(name="b", scopes=["*"], account_id=account_id, actor=mine.id)
    other, _ = await keys.issue(name="c", scopes=["*"], account_id=account_id, actor="operator")
    hold = (await place(house, everything=True)).hold
    preview = await house.vault.retention.hold_releases.preview(account_id, hold.id)
    asked = await house.vault.retention.hold_releases.ask(
        account_id, hold.id, digest=preview.digest, actor=mine.id
    )
    for actor in (mine.id, child.id):
        with pytest.raises(Refused, match="Another person"):
            await approve_release(house, asked.id, actor=actor)
    await approve_release(house, asked.id, actor=other.id)
    with pytest.raises(Refused, match="released already"):
        await house.vault.retention.hold_releases.preview(account_id, hold.id)


async def test_texts_of_a_hold_are_sealed_and_shown(house: House):
    """Texts of a hold are sealed and shown."""
    hold = await place(house, numbers=[NUMBER])
    assert (hold.name, hold.numbers) == ("Acme v. Doe", (NUMBER,))
    assert [
        view.reason for view in await house.vault.retention.holds.page(house.account.id, after=None, limit=9)
    ] == ["A letter of preservation"]
    stored = await house.database.read(lambda tx: tx.holds.get(house.account.id, hold.hold.id))
    assert stored is not None
    for word in ("Acme v. Doe", "preservation", "4155550123"):
        assert word not in stored.sealed_text
        assert word not in repr(stored)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"name": " ", "everything": True}, "name"),
        ({"reason": "", "everything": True}, "reason"),
        ({}, "covers"),
        ({"from_": datetime(2026, 1, 1, tzinfo=UTC)}, "covers"),
        ({"calls": ["c"], "to": datetime(2026, 1, 1, tzinfo=UTC)}, "covers.from"),
        ({"calls": [str(n) for n in range(501)]}, "covers"),
        (
            {
                "everything": True,
                "from_": datetime(2026, 1, 2, tzinfo=UTC),
                "to": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "covers.to",
        ),
    ],
)
async def test_a_hold_that_holds_nothing_is_refused(house: House, wanted: dict[str, object], field: str):
    """A hold that holds nothing is refused."""
    request = HoldRequest(**{"name": "n", "reason": "r"} | wanted)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as refused:
        await house.vault.retention.holds.place(house.account.id, request, **ME)
    assert refused.value.field == field


async def test_a_number_that_is_none_and_a_recording_that_is_none_are_refused(house: House):
    """A number that is none and a recording that is none are refused."""
    with pytest.raises(Invalid) as wrong:
        await place(house, numbers=[NUMBER, "12"])
    assert wrong.value.field == "covers.numbers.1"
    recording_id = await let_in(house)
    with pytest.raises(NotFound) as unknown:
        await place(house, recordings=[recording_id, "rec_0"])
    assert (unknown.value.field, "rec_0" in str(unknown.value)) == ("covers.recordings.1", False)
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    with pytest.raises(Refused) as erased:
        await place(house, recordings=[recording_id])
    assert (erased.value.field, recording_id in str(erased.value)) == ("covers.recordings.0", False)
