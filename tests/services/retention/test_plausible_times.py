"""Times at which no call can have been, such as an empty date of .NET: they count as times that are not known.

A fact that is reported long after a recording shortens its retention only after the policy's waiting time.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.services.retention.test_sweep_due import old_recording
from tests.support.parties import ME, let_in, set_policy
from tests.support.retention import kept, place, set_retention
from tests.support.service_house import House, with_account
from vault import metrics
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Identity, Period, PersonalData
from vault.domain.retention.policy import Match
from vault.errors import Held, Refused, Tampered
from vault.services.requests.new_request import NewRequest

NUMBER = "+12025550184"
EMPTY = datetime(1, 1, 1, tzinfo=UTC)
ZERO = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
LEGAL = kept(period="P7Y", minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II 16(7)")
BEGUN = datetime(2025, 6, 1, tzinfo=UTC)


async def _swept(house: House) -> None:
    await house.vault.jobs.apply_policies()
    for _ in range(2):
        await house.vault.jobs.retention_sweep()


@pytest.mark.parametrize("at", [EMPTY, ZERO, FAR])
@pytest.mark.parametrize("column", ["call_started_at", "call_ended_at"])
async def test_a_minimum_counts_from_the_receipt(either: House, column: str, at: datetime):
    """A row that has such a time keeps its recording until the minimum is over."""
    recording_id = await let_in(either)
    await either.set(recording_id, **{"call_ended_at": None} | {column: at})
    await set_retention(either, LEGAL)
    await _swept(either)
    assert await either.state(recording_id) is State.AVAILABLE
    shown = await either.vault.retention.recordings(either.account.id, recording_id)
    row = await either.row(recording_id)
    assert shown.terms.base_at is not None
    assert abs(shown.terms.base_at - row.received_at) < timedelta(days=1)
    with pytest.raises(Refused) as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("minimum_legal",)


@pytest.mark.parametrize("at", [EMPTY, FAR])
async def test_facts_of_a_call_with_such_times_change_none_of_its_recordings(either: House, at: datetime):
    """Of earlier releases: the recording comes through the gate, its row gets none of the times, and it is kept."""
    facts = CallFacts(call_ref="call-1", caller=NUMBER, started_at=at, answered_at=at, ended_at=at)
    await either.vault.recordings.calls.start(either.account.id, facts)
    recording_id = await let_in(either)
    await either.vault.recordings.calls.start(either.account.id, facts)
    row = await either.row(recording_id)
    assert at not in {row.call_started_at, row.call_ended_at}
    await set_retention(either, LEGAL)
    await _swept(either)
    assert await either.state(recording_id) is State.AVAILABLE


async def test_one_recording_stops_the_retention_of_no_account(either: House):
    """Its own account is computed too, and what of the other account is due leaves."""
    houses = [either, await with_account(either, "beta")]
    for house in houses:
        await set_policy(house)
        await set_retention(house, kept(period="P30D"))
    order = await either.database.read(lambda tx: tx.retention.accounts())
    first, second = sorted(houses, key=lambda house: order.index(house.account.id))
    mine, theirs = await let_in(first), await old_recording(second, "rec-2")
    await first.set(mine, call_started_at=FAR, call_ended_at=None)
    assert await either.vault.jobs.apply_policies() == 2
    for _ in range(2):
        await either.vault.jobs.retention_sweep()
    assert [await first.state(mine), await second.state(theirs) in GONE] == [State.AVAILABLE, True]
    assert (await first.vault.retention.recordings(first.account.id, mine)).terms.base == "receipt"


async def test_a_damaged_receipt_is_unreadable(either: House):
    """No period can be added to it: the recording is kept and counted, and the others are computed."""
    await set_retention(either, kept(period="P30D"))
    damaged, other = await let_in(either), await let_in(either, "rec-2", call_ref="call-2")
    await either.set(damaged, received_at=FAR)
    before = metrics.RETENTION_UNREADABLE._value.get()
    assert await either.vault.jobs.apply_policies() == 1
    assert metrics.RETENTION_UNREADABLE._value.get() == before + 1
    marks = await either.database.read(lambda tx: tx.retention.marks(other))
    assert marks is not None
    assert marks.act_at is not None
    with pytest.raises(Tampered):
        await either.vault.retention.recordings(either.account.id, damaged)


@pytest.mark.parametrize("at", [EMPTY, FAR])
async def test_a_hold_and_a_request_compare_the_receipt(either: House, at: datetime):
    """As for a call whose start nobody reported."""
    recording_id = await let_in(either, **{"from": NUMBER})
    await either.set(recording_id, call_started_at=at, call_ended_at=at)
    now = datetime.now(UTC)
    times = {"from_": now - timedelta(days=1), "to": now + timedelta(days=1)}
    before = {"from_": now - timedelta(days=9000), "to": times["from_"]}
    assert (await place(either, everything=True, **before)).bound == 0
    assert (await place(either, everything=True, **times)).bound == 1
    with pytest.raises(Held):
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    asked = NewRequest(
        kind="access", regime="gdpr", received_at=now - timedelta(hours=1),
        personal=PersonalData(
            reference="1", identities=(Identity(type="number", value=NUMBER),),
            period=Period(since=times["from_"], until=times["to"]),
        ),
    )  # fmt: skip
    view, _ = await either.vault.requests.requests.receive(either.account.id, asked, **ME)
    assert view.found is not None
    assert [one.id for one in view.found.recordings] == [recording_id]


async def recorded(house: House) -> str:
    """Return a recording of a year ago, kept for years; calls of the trial desk are kept a month."""
    recording_id = await let_in(house, call_ref="call-1")
    times = {"received_at": BEGUN, "call_started_at": BEGUN, "call_ended_at": BEGUN}
    await house.set(recording_id, **times)
    await set_retention(
        house, kept("std", period="P70Y"), kept("trial", period="P30D", match=Match(agent="trial desk"))
    )
    return recording_id


async def report(house: House, **facts: str) -> None:
    """Report a fact of the call now, with an ingest key."""
    told = CallFacts(call_ref="call-1", started_at=BEGUN, ended_at=BEGUN, **facts)  # type: ignore[arg-type]
    await house.vault.recordings.calls.start(house.account.id, told)


async def swept(house: House) -> int:
    """Run the sweep; the first run of an account only looks."""
    erased = 0
    for _ in range(2):
        await house.vault.jobs.apply_policies()
        erased += (await house.vault.jobs.retention_sweep()).erased[house.account.id]
    return erased


async def age_facts(house: House, by: timedelta) -> None:
    """Let the facts have been reported earlier; the terms are computed again."""
    earlier = "UPDATE call_facts SET at = at - :by"
    values = {"by": by // timedelta(microseconds=1)}
    await house.database.write(lambda tx: tx.connection.execute(text(earlier), values) and None)
    again = text("UPDATE recordings SET policy_version = -1000")
    await house.database.write(lambda tx: tx.connection.execute(again) and None)


async def test_a_late_trait_erases_nothing_before_the_wait(either: House):
    """A key that may only report facts cannot have a recording erased by the next sweep; the page says until when."""
    recording_id = await recorded(either)
    await report(either, agent="trial desk")
    assert await swept(either) == 0
    shown = await either.vault.retention.recordings(either.account.id, recording_id)
    assert shown.terms.class_name == "trial"
    assert shown.judgement.until is not None
    assert timedelta(days=6) < shown.judgement.until - datetime.now(UTC) < timedelta(days=8)
    await age_facts(either, timedelta(days=8))
    assert await swept(either) == 1
    assert await either.state(recording_id) in GONE


async def test_what_is_reported_with_the_recording_counts_immediately(either: House):
    """The usual case: the platform says all about the call within a day."""
    recording_id = await recorded(either)
    await report(either, agent="trial desk")
    await age_facts(either, datetime.now(UTC) - BEGUN - timedelta(hours=3))
    assert await swept(either) == 1
    assert await either.state(recording_id) in GONE


@pytest.mark.parametrize("agent", ["sales", "Sales "])
async def test_a_late_trait_that_changes_nothing_delays_nothing(house: House, agent: str):
    """A recording that is due stays due."""
    recording_id = await let_in(house, call_ref="call-1")
    await house.set(recording_id, received_at=BEGUN, call_started_at=BEGUN, call_ended_at=BEGUN)
    await set_retention(
        house, kept("std", period="P30D"), kept("trial", period="P20D", match=Match(agent="x"))
    )
    await report(house, agent=agent)
    assert await swept(house) == 1
    assert await house.state(recording_id) in GONE


@pytest.mark.parametrize("written", ["Trader Desk", "trader desk", "Trader  Desk ", "TRADER DESK"])
async def test_a_minimum_holds_for_an_agent_in_any_letters(either: House, written: str):
    """Wrong: search finds the name, and the legal minimum of its class does not hold."""
    recording_id = await let_in(either, call_ref="call-1")
    lawful = {"minimum": "P50Y", "minimum_ground": "legal_obligation", "statute": "MiFID II 16(7)"}
    await set_retention(either, kept("trades", match=Match(agent="Trader Desk"), **lawful))
    await report(either, agent=written)
    await either.vault.jobs.apply_policies()
    with pytest.raises(Refused) as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("minimum_legal",)


@pytest.mark.parametrize(
    ("facts", "places"),
    [
        ({"caller": "+33612345678", "callee": "+493012345678"}, {"FR", "DE"}),
        ({"caller": "+33612345678", "caller_place": "BE"}, {"BE"}),
        ({"caller": "+12065550100"}, {"US", "US-WA"}),
        ({"caller": "anonymous", "caller_place": "FR-75C"}, {"FR", "FR-75C"}),
        ({"caller": "anonymous"}, set()),
    ],
)
async def test_a_class_of_a_place_has_what_lies_in_it(either: House, facts: dict[str, str], places: set[str]):
    """Wrong: a minimum of FR does not hold for a bare French number, and one of US not in Washington."""
    recording_id = await let_in(either, call_ref="call-1")
    await report(either, **facts)
    own = {"US", "US-CA", "US-NY"}
    for one in ("FR", "FR-75C", "BE", "DE", "US", "US-WA", "US-CA"):
        await set_retention(
            either, kept("all", period="P70Y"), kept("here", match=Match(place=one), period="P60Y")
        )
        await either.vault.jobs.apply_policies()
        shown = await either.vault.retention.recordings(either.account.id, recording_id)
        assert (shown.terms.class_name == "here") is (one in places | own), one
