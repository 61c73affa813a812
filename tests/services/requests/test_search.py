"""The search for a person: every spelling, every state, and nothing of anybody else."""

from datetime import UTC, datetime

import pytest

from tests.services.requests.people import (
    ACTOR,
    AMBIGUOUS,
    AMERICAN,
    EGYPTIAN,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    at_home,
    call,
    carried_out,
    decide,
    recorded,
)
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import Period, RequestState, Verdict
from vault.errors import Invalid, Refused


async def found_ids(house: House, *numbers: tuple[str, str | None], **more: object) -> list[str]:
    """Return the recordings and calls that a request for these numbers finds."""
    view = await ask(house, asks(reference=str(numbers) + str(more), numbers=numbers, **more))
    assert view.found is not None
    return [*(one.id for one in view.found.recordings), *(one.call_ref for one in view.found.calls)]


@pytest.mark.parametrize(
    "number",
    [
        (PERSON, None),
        ("0033 6 12 34 56 78", None),
        ("06 12 34 56 78", "FR"),
        ("tel:+33-6-12-34-56-78", None),
        ("06.12.34.56.78", "FR"),
    ],
)
async def test_case_33_a_number_in_any_spelling_finds_the_same(either: House, number):
    """Whichever spelling the platform sent, whichever the person wrote."""
    mine = [await recorded(either, "call-1"), await recorded(either, "call-2", caller="0033612345678")]
    await recorded(either, "call-3", caller=OTHER)
    await call(either, "call-4", caller=OTHER, callee=PERSON)
    assert await found_ids(either, number) == [*mine, "call-4"]
    assert await found_ids(either, number, ("+33 6 12 34 56 78", None)) == [*mine, "call-4"]


async def test_case_33_recordings_in_every_state_are_found(either: House):
    """In flight, quarantined, failed and available; an erased one is gone."""
    available, erased = await recorded(either, "call-1"), await recorded(either, "call-2")
    states = ("received", "quarantined", "failed", "refused")
    others = []
    for place, state in enumerate(states):
        await call(either, f"other-{place}", at=ago(minutes=30 - place))
        recording_id = (await either.announce(f"rec-{place}", call_ref=f"other-{place}")).recording_id
        await either.set(recording_id, state=state)
        others.append(recording_id)
    await either.vault.recordings.recordings.erase(either.account.id, erased, actor=ACTOR)
    view = await ask(either)
    assert view.found is not None
    assert [one.id for one in view.found.recordings] == [available, *others]
    assert view.found.summary.by_state == {"available": 1} | dict.fromkeys(sorted(states), 1)


async def test_an_agent_is_found_by_name(house: House):
    """Agents are persons too, and links tell where they listened."""
    recording_id = await recorded(house, "call-1", caller=OTHER, agent="Robin")
    assert await found_ids(house, agents=("robin",)) == [recording_id]
    assert await found_ids(house, agents=("Kim",)) == []


@pytest.mark.parametrize(
    ("number", "field"),
    [
        (("not a number", None), "identities.0.value"),
        (("0612345678", "DE"), None),
    ],
)
async def test_a_number_that_is_none_is_refused_with_its_field(house: House, number, field):
    """A national spelling is one of its region; what is no number anywhere is refused."""
    if field is None:
        assert await found_ids(house, number) == []
        return
    with pytest.raises(Invalid) as refused:
        await ask(house, asks(numbers=(number,)))
    assert refused.value.field == field
    assert number[0] not in str(refused.value)


async def test_case_34_a_gap_is_pointed_out_and_nothing_is_erased(either: House):
    """Calls of 2019 to 2020 and of 2024 on: without a period or the account's word, the erasure is refused."""
    for place, year in enumerate((2019, 2020, 2024)):
        await call(either, f"call-{place}", at=datetime(year, 5, 4, tzinfo=UTC))
    view = await ask(either)
    assert view.found is not None
    assert view.found.summary.by_year == {2019: 1, 2020: 1, 2024: 1}
    assert [gap.until.year for gap in view.found.summary.gaps] == [2020, 2024]
    with pytest.raises(Refused) as refused:
        await decide(either, view.request.id)
    assert refused.value.reasons == ("period_needed",)
    assert (await either.vault.requests.requests.read(either.account.id, view.request.id)).request.state is (
        RequestState.REVIEW
    )
    since = Period(since=datetime(2024, 1, 1, tzinfo=UTC))
    decided = await decide(either, view.request.id, period=since)
    assert decided.found is not None
    assert [one.call_ref for one in decided.found.calls] == ["call-2"]


async def test_references_that_differ_in_case_are_two_requests(either: House):
    """The ids of some systems do; a repeated call finds each of them, also once the other one is there."""
    upper = asks(reference="500Aa", received_at=ago(days=1))
    lower = asks(reference="500aa", received_at=upper.received_at, numbers=((OTHER, None),))
    made = [await ask(either, new) for new in (upper, lower)]
    again = [await ask(either, new) for new in (upper, lower)]
    assert [view.request.id for view in again] == [view.request.id for view in made]
    assert made[0].request.id != made[1].request.id


async def test_case_37_the_same_request_twice_is_one(either: House):
    """While it is open; then it is a new one, marked as a repeat. Another content is another request."""
    new = asks(received_at=ago(days=1))
    first = await ask(either, new)
    second, is_new = await either.vault.requests.requests.receive(either.account.id, new, actor=ACTOR)
    assert (second.request.id, is_new) == (first.request.id, False)
    with pytest.raises(Refused) as other:
        await ask(either, asks(received_at=new.received_at, numbers=((OTHER, None),)))
    assert other.value.reasons == ("reference_in_use",)
    await either.vault.requests.requests.withdraw(either.account.id, first.request.id, actor=ACTOR)
    third = await ask(either, new)
    assert third.request.id != first.request.id
    assert third.request.repeat_of == first.request.id
    fourth = await ask(either, asks(reference="ticket 2", received_at=new.received_at))
    assert fourth.request.repeat_of == third.request.id


async def test_a_request_that_is_closed_or_decided_changes_no_more(house: House):
    """Neither pauses nor a withdrawal nor a second decision."""
    view = await ask(house)
    await decide(house, view.request.id)
    requests, names = house.vault.requests.requests, (house.account.id, view.request.id)
    for change in (
        requests.withdraw(*names, actor=ACTOR),
        requests.pause(*names, "fee", actor=ACTOR),
        decide(house, view.request.id),
    ):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.reasons == ("closed",)


async def test_pauses_follow_each_other(house: House):
    """A pause begins once and ends once."""
    view = await ask(house, asks(verified=False))
    assert view.request.state is RequestState.AWAITING_IDENTITY
    requests, names = house.vault.requests.requests, (house.account.id, view.request.id)
    with pytest.raises(Refused, match="not paused"):
        await requests.resume(*names, actor=ACTOR)
    await requests.pause(*names, "identity", actor=ACTOR)
    with pytest.raises(Refused, match="paused already"):
        await requests.pause(*names, "fee", actor=ACTOR)
    await requests.resume(*names, actor=ACTOR)
    verified = await requests.verify(*names, "login", ago(minutes=1), actor=ACTOR)
    assert verified.request.state is RequestState.REVIEW


async def test_a_spelling_that_can_be_somebody_elses_is_shown_apart(either: House):
    """It counts in nothing, it is in no decision, and an erasure leaves its recording, its facts and its terms."""
    await at_home(either, "US-WA")
    theirs, their_call = await recorded(either, "call-1", caller=AMBIGUOUS), "call-2"
    await call(either, their_call, caller=AMBIGUOUS)
    mine = await recorded(either, "call-3", caller=EGYPTIAN)
    view = await ask(either, asks(numbers=((EGYPTIAN, None),)))
    assert view.found is not None
    assert [one.id for one in view.found.recordings] == [mine]
    assert [one.id for one in view.found.possible_recordings] == [theirs]
    assert [one.call_ref for one in view.found.possible_calls] == [their_call]
    assert view.found.summary.by_state == {"available": 1}

    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert [await either.state(one) for one in (theirs, mine)] == [State.AVAILABLE, State.ERASED]
    found = await either.vault.recordings.calls.find(either.account.id, AMERICAN, after=None, limit=9)
    assert [one.call_ref for one in found] == ["call-1", their_call]


async def test_a_possible_call_is_decided_on_by_name(house: House):
    """A person who looked at it names it in the verdicts; the others stay out."""
    await at_home(house, "US-WA")
    named, other = [await recorded(house, f"call-{n}", caller=AMBIGUOUS) for n in (1, 2)]
    view = await ask(house, asks(numbers=((EGYPTIAN, None),)))
    await decide(house, view.request.id, verdicts={named: Verdict(code="erased")})
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert [await house.state(one) for one in (named, other)] == [State.ERASED, State.AVAILABLE]


async def test_the_likely_reading_of_a_national_spelling_is_certain(house: House):
    """An account in Washington has Washington's numbers, and an account in France those of France."""
    await at_home(house, "US-WA")
    mine = await recorded(house, "call-1", caller=AMBIGUOUS)
    assert await found_ids(house, (AMERICAN, None)) == [mine]


async def test_a_request_is_no_repeat_of_somebody_elses(house: House):
    """The two numbers share a spelling; the requests of their holders share nothing."""
    first = await ask(house, asks(numbers=((EGYPTIAN, None),)))
    second = await ask(house, asks(reference="ticket 2", numbers=((AMERICAN, None),)))
    assert (first.request.repeat_of, second.request.repeat_of) == (None, None)
