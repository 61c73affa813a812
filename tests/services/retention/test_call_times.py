"""When a call was, where its recording does not say so: then holds, requests and retention take it from the call."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.corpus import tones, wav
from tests.support.parties import let_in
from tests.support.retention import kept, place, set_retention
from tests.support.service_house import House, blocks_of
from vault.database.schema.core import recordings
from vault.domain.calls.call import CallFacts
from vault.domain.requests.request import Identity, Period, PersonalData
from vault.errors import Held, Refused
from vault.services.requests.new_request import NewRequest

NUMBER = "+12025550184"
STARTED = datetime(2026, 1, 10, 9, tzinfo=UTC)
ENDED = STARTED + timedelta(minutes=3)
JANUARY = {"from_": datetime(2026, 1, 1, tzinfo=UTC), "to": datetime(2026, 2, 1, tzinfo=UTC)}
ME = {"actor": "key_x"}


async def _report(house: House) -> None:
    facts = CallFacts(
        call_ref="call-1", caller=NUMBER, callee="+12025550100", started_at=STARTED, ended_at=ENDED
    )
    await house.vault.recordings.calls.start(house.account.id, facts)


async def _recorded(house: House, how: str) -> str:
    """Let a call of January be recorded now; return the id of its recording, which is available."""
    if how != "upload before its call":
        await _report(house)
    if how == "webhook":
        recording_id = (await house.announce("rec-1", call_ref="call-1")).recording_id
        assert recording_id is not None
    else:
        body = blocks_of(wav(tones(1.0)))
        row, _ = await house.vault.ingest.uploads.store(house.account.id, "call-1", "rec-1", body, **ME)
        recording_id = row.id
    await house.settle(recording_id)
    if how == "upload before its call":
        await _report(house)
    return recording_id


@pytest.fixture(params=["upload", "upload before its call", "webhook"])
async def recording(either: House, request: pytest.FixtureRequest) -> str:
    """A recording of a call of January."""
    return await _recorded(either, request.param)


async def test_a_hold_of_that_time_holds_it(either: House, recording: str):
    """Also where it covers everything of the time, and not one of another time."""
    other = await place(either, everything=True, from_=JANUARY["to"], to=datetime.now(UTC))
    assert other.bound == 0
    held = await place(either, numbers=[NUMBER], **JANUARY)
    assert held.bound == 1
    with pytest.raises(Held):
        await either.vault.recordings.recordings.erase(either.account.id, recording, **ME)


async def test_a_request_with_that_period_finds_it(either: House, recording: str):
    """And one with the days around its upload does not."""
    now = datetime.now(UTC)
    for period, expected in (
        (Period(since=JANUARY["from_"], until=JANUARY["to"]), [recording]),
        (Period(since=now - timedelta(days=1), until=now + timedelta(days=1)), []),
    ):
        asked = NewRequest(
            kind="access", regime="gdpr", received_at=now - timedelta(hours=1),
            personal=PersonalData(
                reference=str(expected), identities=(Identity(type="number", value=NUMBER),), period=period
            ),
        )  # fmt: skip
        view, _ = await either.vault.requests.requests.receive(either.account.id, asked, **ME)
        assert view.found is not None
        assert [one.id for one in view.found.recordings] == expected


async def test_the_end_of_a_contact_reaches_it(either: House, recording: str):
    """Calls that began by that end are of the contact."""
    changed = await either.vault.retention.contact_ends.end(
        either.account.id, numbers=[NUMBER], calls=(), ended_at=STARTED + timedelta(days=30), **ME
    )
    assert changed.recordings == 1
    assert recording


async def test_its_period_counts_from_the_call(either: House, recording: str):
    """A year from the end of the call, not from the upload."""
    await set_retention(either, kept(period="P1Y", maximum="P90Y", starts="call_end"))
    await either.vault.jobs.apply_policies()
    query = select(recordings.c.act_at).where(recordings.c.id == recording)
    act_at = await either.database.read(lambda tx: tx.connection.execute(query).scalar_one())
    assert act_at is not None
    assert timedelta() <= act_at - ENDED.replace(year=2027) <= timedelta(days=1)


EDGE = JANUARY["to"]


async def _start(house: House, **times: datetime) -> None:
    await house.vault.recordings.calls.start(
        house.account.id, CallFacts(call_ref="call-1", caller=NUMBER, **times)
    )


async def _uploaded(house: House) -> str:
    body = blocks_of(wav(tones(1.0)))
    row, _ = await house.vault.ingest.uploads.store(house.account.id, "call-1", "rec-1", body, **ME)
    await house.settle(row.id)
    return row.id


@pytest.mark.parametrize("first", ["call", "recording"])
async def test_a_call_that_began_before_its_recording_is_held(either: House, first: str):
    """A platform reports the start of the recording, after the held time; the call's own lies in it."""
    if first == "call":
        await _start(either, started_at=EDGE - timedelta(seconds=30))
    recording_id = await _uploaded(either)
    await either.set(recording_id, call_started_at=EDGE + timedelta(seconds=10))
    hold = await place(either, numbers=[NUMBER], **JANUARY)
    if first == "recording":
        # After the hold was answered.
        await _start(either, started_at=EDGE - timedelta(seconds=30))
    else:
        assert hold.bound == 1
    assert (await either.vault.retention.holds.read(either.account.id, hold.hold.id)).bound == 1
    with pytest.raises(Held):
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    with pytest.raises(Held):
        await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)


async def test_a_call_of_which_only_the_end_is_known_is_held(either: House):
    """It lies in the held time; the receipt does not."""
    await _start(either, ended_at=EDGE - timedelta(days=3))
    recording_id = await _uploaded(either)
    hold = await place(either, everything=True, **JANUARY)
    assert hold.bound == 1
    with pytest.raises(Held):
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)


async def test_a_call_outside_of_the_time_is_not_held(either: House):
    """Each of its times lies behind it; its receipt does not count beside a start."""
    await _start(either, started_at=EDGE, ended_at=EDGE + timedelta(minutes=3))
    recording_id = await _uploaded(either)
    assert (await place(either, numbers=[NUMBER], **JANUARY)).bound == 0
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)


async def test_an_end_before_the_start_ends_no_minimum(either: House):
    """Platforms send such an end where they do not know it: it is passed over, and the recording's length counts."""
    now = datetime.now(UTC)
    recording_id = await let_in(
        either, started_at=(now - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    ended_at = datetime(2001, 1, 1, tzinfo=UTC)
    await either.vault.recordings.calls.start(
        either.account.id, CallFacts(call_ref="call-1", ended_at=ended_at)
    )
    minimum = kept(period="P7Y", minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II 16(7)")
    await set_retention(either, minimum)
    await either.vault.jobs.apply_policies()
    shown = await either.vault.retention.recordings(either.account.id, recording_id)
    assert shown.terms.base == "start_and_length"
    with pytest.raises(Refused) as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("minimum_legal",)


async def test_a_call_without_a_recording_of_which_only_the_end_is_known_is_held(either: House):
    """As one with a recording: its facts stay."""
    await _start(either, ended_at=EDGE - timedelta(days=3))
    await place(either, everything=True, **JANUARY)
    with pytest.raises(Held):
        await either.vault.recordings.calls.erase(either.account.id, "call-1", **ME)
