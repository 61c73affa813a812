"""A fact that is reported long after a recording shortens its retention only after the policy's waiting time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.support.parties import ME, let_in
from tests.support.retention import kept, set_retention
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE
from vault.domain.retention.policy import Match
from vault.errors import Refused

BEGUN = datetime(2025, 6, 1, tzinfo=UTC)


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
