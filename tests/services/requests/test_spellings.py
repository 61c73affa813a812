"""Everything that restrains or finds by a number does so in every spelling: one list of them, and a table of doors.

What gives access to a person's data or erases it takes what is certain alone; the rest is possible, and shown.
"""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import delete, update

from tests.services.requests.people import ACTOR, ask, asks, at_home, call, carried_out, decide, recorded
from tests.support.parties import grounds, through_the_gate
from tests.support.service_house import House
from tests.support.spellings import EVERY, NUMBER, OTHER, OTHERS, UNREADABLE
from vault.database.schema.calls import call_terms
from vault.database.schema.consent import objection_terms, objections
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState, Verdict
from vault.errors import Held
from vault.services.consent.index_numbers import _PROGRESS
from vault.services.retention.place_hold import HoldRequest

FEW = (*EVERY[::6], *OTHERS[1:5:2])


async def settled_in(house: House, locale: str) -> None:
    """Give the account a locale."""
    await house.vault.accounts.accounts.open(house.account.ref, name="Acme", locale=locale, actor=ACTOR)


async def reported(house: House, texts: tuple[str, ...] = (*EVERY, *OTHERS)) -> dict[str, str]:
    """Report a call for each text; return the texts by call."""
    calls = {f"call-{place}": text for place, text in enumerate(texts) if text}
    for ref, text in calls.items():
        await call(house, ref, caller=text, callee="+442079460199")
    return calls


async def objected(house: House, calls: dict[str, str]) -> set[str]:
    """Return the texts of calls that an objection stops."""
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, actor=ACTOR)
    decided = {
        ref: (await house.vault.recordings.calls.read(house.account.id, ref)).decision for ref in calls
    }
    return {
        calls[ref] for ref, one in decided.items() if "objection" in [ground.code for ground in one.grounds]
    }


async def held(house: House, calls: dict[str, str]) -> set[str]:
    """Return the texts of calls that a hold keeps."""
    await house.vault.retention.holds.place(
        house.account.id, HoldRequest(name="h", reason="r", numbers=[NUMBER]), actor=ACTOR
    )
    kept = set[str]()
    for ref, text in calls.items():
        try:
            await house.vault.recordings.calls.erase(house.account.id, ref, actor=ACTOR)
        except Held:
            kept.add(text)
    return kept


async def requested(house: House, calls: dict[str, str]) -> set[str]:
    """Return the texts of calls that a request finds, certain or possible."""
    found = (await ask(house, asks(numbers=((NUMBER, None),)))).found
    assert found is not None
    return {calls[one.call_ref] for one in (*found.calls, *found.possible_calls)}


async def searched(house: House, calls: dict[str, str]) -> set[str]:
    """Return the texts of calls that the search finds."""
    found = await house.vault.recordings.calls.find(house.account.id, NUMBER, after=None, limit=500)
    return {calls[one.call_ref] for one in found}


def _said(ref: str, caller: str) -> CallFacts:
    return CallFacts(call_ref=ref, caller=caller, callee=OTHER, direction="inbound")


DOORS: dict[str, Callable[[House, dict[str, str]], Awaitable[set[str]]]] = {
    "objection": objected, "hold": held, "request": requested, "search": searched
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("locale", ["en", "fr-FR"])
async def test_a_number_is_found_in_every_spelling(house: House, door: str, locale: str):
    """Through each door the same calls, whatever the account's locale is."""
    await settled_in(house, locale)
    assert await DOORS[door](house, await reported(house)) == set(EVERY)


@pytest.mark.parametrize("door", DOORS)
async def test_both_databases_find_the_same(either: House, door: str):
    """A few of the spellings, and of what is somebody else's."""
    assert await DOORS[door](either, await reported(either, FEW)) == set(FEW) & set(EVERY)


async def test_no_locale_undoes_an_objection(house: House):
    """It was entered for an account in France, and is the same after the account has moved."""
    await settled_in(house, "fr-FR")
    await house.vault.consent.objections.enter(house.account.id, "06 12 34 56 78", reason=None, actor=ACTOR)
    for locale in ("fr-FR", "en", "en-US", "de"):
        await settled_in(house, locale)
        await call(house, f"call-{locale}", caller="06 12 34 56 78")
        decision = (await house.vault.recordings.calls.read(house.account.id, f"call-{locale}")).decision
        assert (decision.verdict, decision.grounds[0].code) == ("refuse", "objection")


@pytest.mark.parametrize("written", UNREADABLE)
async def test_what_nothing_can_read_is_kept_apart_where_somebody_objects(either: House, written: str):
    """In quarantine until a person has looked; without objections it is let in."""
    await at_home(either, "FR")
    await call(either, "call-1", caller=written)
    before = (await either.announce("rec-1", call_ref="call-1")).recording_id
    assert await through_the_gate(either, str(before)) is State.AVAILABLE
    await either.vault.consent.objections.enter(either.account.id, "+14155550199", reason=None, actor=ACTOR)
    after = (await either.announce("rec-2", call_ref="call-1")).recording_id
    assert await through_the_gate(either, str(after)) is State.QUARANTINED
    assert "numbers_unreadable" in await grounds(either, str(after))
    released = await either.vault.recordings.quarantine.release(
        either.account.id, str(after), reason="heard", actor=ACTOR
    )
    assert released.verdict == "allow"
    fresh = (await either.vault.recordings.calls.start(either.account.id, _said("call-2", written))).decision
    assert fresh.verdict == "quarantine"


@pytest.mark.parametrize("written", UNREADABLE)
async def test_what_nothing_can_read_is_held_and_possible(house: House, written: str):
    """A hold by any number covers it, and a request by any number shows it."""
    await call(house, "call-1", caller=written)
    view = await ask(house)
    assert view.found is not None
    assert [one.call_ref for one in view.found.possible_calls] == ["call-1"]
    assert view.found.calls == []
    assert await held(house, {"call-1": written}) == {written}


async def test_what_is_only_possible_is_erased_by_name_alone(either: House):
    """A number among words is not certainly the party's: the erasure leaves it until a person decides on it."""
    await at_home(either, "FR")
    mine = await recorded(either, "call-1")
    named, other = [
        await recorded(either, f"call-{place}", caller=written)
        for place, written in enumerate(("Bob (+33612345678)", "+33700000000/+33612345678"), start=2)
    ]
    view = await ask(either)
    assert view.found is not None
    assert [one.id for one in view.found.recordings] == [mine]
    assert {one.id for one in view.found.possible_recordings} == {named, other}
    await decide(either, view.request.id, verdicts={named: Verdict(code="erased")})
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert [await either.state(one) for one in (mine, named, other)] == [
        State.ERASED, State.ERASED, State.AVAILABLE
    ]  # fmt: skip


async def as_an_earlier_release_left_it(house: House) -> None:
    """Take away what an earlier release did not write."""

    def forget(tx: object) -> None:
        db = tx.connection  # type: ignore[attr-defined]
        db.execute(delete(objection_terms))
        db.execute(update(objections).values(reader=None))
        db.execute(delete(call_terms))
        tx.metadata.replace({}, drop=[_PROGRESS])  # type: ignore[attr-defined]

    await house.database.write(forget)


async def test_an_objection_of_an_earlier_release_holds_at_once_and_is_read_again(either: House):
    """What is spelled is kept apart until the job has written its terms; in E.164 it is refused at once."""
    await at_home(either, "FR")
    await either.vault.consent.objections.enter(either.account.id, NUMBER, reason=None, actor=ACTOR)
    await as_an_earlier_release_left_it(either)

    async def verdict(ref: str, caller: str) -> str:
        return (
            await either.vault.recordings.calls.start(either.account.id, _said(ref, caller))
        ).decision.verdict

    assert await verdict("call-1", NUMBER) == "refuse"
    assert await verdict("call-2", "Bob (06 12 34 56 78)") == "quarantine"
    assert await verdict("call-3", "+14155550187") == "allow"
    assert await either.vault.jobs.index_numbers() > 0
    assert await verdict("call-4", "Bob (06 12 34 56 78)") == "refuse"
    assert await verdict("call-5", "(415) 555-0187") == "allow"
    assert await either.vault.jobs.index_numbers() == 0


async def test_calls_of_an_earlier_release_are_found_after_they_are_read_again(either: House):
    """Once for each vault: each text that is no plain number."""
    calls = await reported(either, FEW)
    await as_an_earlier_release_left_it(either)
    assert await searched(either, calls) == set()
    await either.vault.jobs.index_numbers()
    spelled = {text for text in FEW if text in EVERY and text != NUMBER}
    assert await searched(either, calls) >= spelled
    assert await either.vault.jobs.index_numbers() == 0
