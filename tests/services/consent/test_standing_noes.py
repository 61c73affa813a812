"""A party's no restricts what was recorded, and no act but a new consent of that party lets it be lifted."""

import random
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.parties import ME, causes, let_in, lift, set_policy, tell
from tests.support.service_house import AUDIO, House
from vault.domain.calls.call import CallFacts
from vault.errors import Invalid, NotFound, Refused


async def restrict(house: House, recording_id: str) -> None:
    """Restrict a recording as an admin does."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason="a complaint", **ME
    )


async def refused(house: House, recording_id: str) -> tuple[str, ...]:
    """Return why the restriction cannot be lifted; the recording stays restricted."""
    with pytest.raises(Refused) as caught:
        await lift(house, recording_id)
    assert (await house.row(recording_id)).restricted
    return caught.value.reasons


@pytest.mark.parametrize("answer", ["declined", "withdrawn"])
async def test_a_new_consent_of_the_same_party_takes_its_no_back(either: House, answer):
    """Neither a consent of the other party does, nor a notice, nor the lifting of another cause."""
    await set_policy(either)
    recording_id = await let_in(either)
    await tell(either, answer)
    assert await causes(either, recording_id) == ["caller"]
    assert await refused(either, recording_id) == ("party_refused",)
    await tell(either, "accepted", party="callee")
    await tell(either, "announced")
    assert await refused(either, recording_id) == ("party_refused",)
    await restrict(either, recording_id)
    assert await causes(either, recording_id) == ["caller", "admin"]
    assert await refused(either, recording_id) == ("party_refused",)
    await tell(either, "accepted", method="form")
    assert await causes(either, recording_id) == ["admin"]
    assert (await either.row(recording_id)).restricted
    await lift(either, recording_id)
    assert await either.heard(recording_id) == AUDIO
    assert await causes(either, recording_id) == []
    # The next no counts as the first one did.
    await tell(either, answer)
    assert await refused(either, recording_id) == ("party_refused",)


async def test_each_party_takes_its_own_no_back(either: House):
    """While one stands, the recording stays restricted."""
    await set_policy(either)
    recording_id = await let_in(either)
    for party in ("caller", "callee", "agent"):
        await tell(either, "withdrawn", party=party)  # type: ignore[arg-type]
    assert await causes(either, recording_id) == ["agent", "callee", "caller"]
    for party in ("caller", "agent", "callee"):
        assert await refused(either, recording_id) == ("party_refused",)
        await tell(either, "accepted", party=party, method="form")  # type: ignore[arg-type]
    await lift(either, recording_id)


async def test_the_request_of_a_person_ends_by_its_own_act(either: House):
    """A new consent does not end it, nor does telling the person end the no."""
    await set_policy(either)
    recording_id = await let_in(either)
    await tell(either, "withdrawn")
    await either.database.write(lambda tx: tx.requests.note_restriction(recording_id, "req_1"))
    assert await causes(either, recording_id) == ["caller", "req_1"]
    row = await either.row(recording_id)
    with pytest.raises(Refused):
        await lift(either, recording_id, told_at=row.available_at)
    await tell(either, "accepted", method="form")
    with pytest.raises(Invalid) as caught:
        await lift(either, recording_id)
    assert caught.value.field == "told_at"
    await lift(either, recording_id, told_at=row.available_at)
    assert not (await either.row(recording_id)).restricted


async def test_a_restriction_of_a_release_before_causes_is_read_by_what_the_parties_said(either: House):
    """Its row names no cause: an admin's is lifted as before, and that of a party is found in the call's events."""
    await set_policy(either)
    by_admin = await let_in(either, "one", call_ref="call-1")
    by_party = await let_in(either, "two", call_ref="call-2")
    await restrict(either, by_admin)
    await tell(either, "withdrawn", call="call-2")
    await either.database.write(
        lambda tx: tx.connection.execute(text("DELETE FROM person_restrictions")) and None
    )
    assert await causes(either, by_party) == ["caller"]
    assert await refused(either, by_party) == ("party_refused",)
    await lift(either, by_admin)
    assert await either.heard(by_admin) == AUDIO


async def test_a_no_that_comes_while_the_restriction_is_lifted_stands(either: House):
    """What was read of the parties is compared under the call's lock."""
    await set_policy(either)
    recording_id = await let_in(either)
    await restrict(either, recording_id)
    restriction = either.vault.recordings.recordings.restriction
    read = type(restriction)._said
    happened = []

    async def between(self: Any, account_id: str, one: str) -> Any:
        said = await read(self, account_id, one)
        if not happened:
            happened.append(True)
            await tell(either, "withdrawn")
        return said

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(type(restriction), "_said", between)
        assert await refused(either, recording_id) == ("party_refused",)
    with pytest.raises(NotFound):
        await either.heard(recording_id)


@pytest.mark.parametrize("digits", [8, 9, 10])
async def test_a_no_counts_whatever_numbers_a_call_was_reported_with(either: House, digits: int):
    """Texts of the max length with a number in every run. Wrong: a statement with a SELECT for each of their keys."""
    await set_policy(either)
    recording_id = await let_in(either)
    runs = random.Random(digits)  # noqa: S311 - the same texts in every run
    for _ in range(3):
        texts = [" ".join(str(runs.randrange(10**digits)) for _ in range(25))[:199] for _ in range(2)]
        facts = CallFacts(call_ref="call-1", caller=texts[0], callee=texts[1])
        await either.vault.recordings.calls.start(either.account.id, facts)
    await tell(either, "withdrawn")
    assert await causes(either, recording_id) == ["caller"]
