"""Recording is switched off at every step of an ingest: refused for good, its keys gone.

What an account is called: changes of different fields concurrently.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, URL, House, blocks_of
from tests.support.tenant import moment
from vault.domain.recordings.recording import State
from vault.errors import Refused


async def switch(house: House, *, enabled: bool) -> None:
    """Set the recording switch."""
    await house.vault.accounts.switch.set(house.account.id, enabled=enabled, reason=None, actor="key_test")


async def to_step(house: House, recording_id: str, step: str) -> "asyncio.Task[bool] | None":
    """Bring the recording to a step; during a fetch, return the fetch."""
    if step == "received":
        return None
    if step == "fetching":
        return await house.fetching()
    if step == "retry_wait":
        house.fetcher.serve(URL, Media(body=AUDIO, fail_at=10))
        await house.vault.jobs.ingest()
        house.fetcher.serve(URL, Media(body=AUDIO))
        return None
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.STORED
    return None


@pytest.mark.parametrize("on_again", [False, True])
@pytest.mark.parametrize("step", ["received", "fetching", "retry_wait", "stored"])
async def test_off_refuses_what_is_in_flight(house: House, step: str, *, on_again: bool):
    """At once, for good, and with its keys; neither a worker nor switching on revives it."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id
    fetching = await to_step(house, recording_id, step)
    await switch(house, enabled=False)
    assert await house.state(recording_id) is State.REFUSED
    assert await house.keys_gone(recording_id)
    if on_again:
        await switch(house, enabled=True)
    if fetching is not None:
        house.go_on()
        assert await fetching
    for _ in range(3):
        await house.hurry(recording_id)
        await house.vault.jobs.ingest()
        await house.vault.jobs.describe()
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.REFUSED, "switched_off_since_receipt")
    assert (await house.announce()).status == "refused"
    assert await house.keys_gone(recording_id)
    await house.sweep()
    assert house.audio_objects() == []
    assert (await house.events(recording_id)).count("recording.refused") == 1
    assert "recording.available" not in await house.events(recording_id)


async def test_off_between_describing_and_the_gate(house: House):
    """The switch goes off and on while the describer works: the gate sees the switch, and not the past."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id
    await house.vault.jobs.ingest()
    describe = house.describer.describe

    async def slowly(source, rendition, **given):
        described = await describe(source, rendition, **given)
        await switch(house, enabled=False)
        await switch(house, enabled=True)
        return described

    house.describer.describe = slowly
    assert await house.vault.jobs.describe()
    assert await house.state(recording_id) is State.REFUSED
    assert await house.keys_gone(recording_id)
    await house.sweep()
    assert house.audio_objects() == []


async def test_a_call_that_overlaps_an_off_moment_is_refused_with_it(house: House):
    """Received after the switch is on again, but the call was in the off moment: the decision names it."""
    await switch(house, enabled=False)
    off = (await house.vault.accounts.switch.read(house.account.id)).changed_at
    await switch(house, enabled=True)
    now = datetime.now(UTC)
    inside = (
        await house.announce("in", started_at=moment(now - timedelta(minutes=5)), ended_at=moment(now))
    ).recording_id
    after = (await house.announce("after", call_ref="c2", started_at=moment(now + timedelta(seconds=1)),
                                  ended_at=moment(now + timedelta(seconds=2)))).recording_id  # fmt: skip
    before = (await house.announce("before", call_ref="c3", started_at=moment(now - timedelta(hours=2)),
                                   ended_at=moment(now - timedelta(hours=1)))).recording_id  # fmt: skip
    assert await house.settle(inside) is State.REFUSED
    reason = (await house.row(inside)).reasons[0]
    assert reason.code == "switched_off_during_call"
    assert moment(off) in reason.text
    assert await house.settle(after) is State.AVAILABLE
    assert await house.settle(before) is State.AVAILABLE


async def test_a_length_known_only_at_the_gate_counts(house: House):
    """Without a start, the decoded length says when the call began: inside the off moment it is refused."""
    await switch(house, enabled=False)
    await switch(house, enabled=True)
    recording_id = (await house.announce()).recording_id
    assert await house.settle(recording_id) is State.REFUSED
    assert (await house.row(recording_id)).reasons[0].code == "switched_off_during_call"


async def test_off_refuses_an_upload_before_its_first_block(house: House):
    """Nothing of the body is read, no object is begun; it is on record once, however often it is sent."""
    await switch(house, enabled=False)
    assert house.objects.calls.pop() == "put"  # The closing act itself.
    read = []

    async def body():
        read.append(1)
        yield AUDIO

    with pytest.raises(Refused) as refused:
        await house.vault.ingest.uploads.store(house.account.id, "c", "r", body(), actor="key_test")
    assert (read, house.objects.calls) == ([], [])
    assert "switch_off" in refused.value.reasons
    await switch(house, enabled=True)
    with pytest.raises(Refused):
        await house.vault.ingest.uploads.store(house.account.id, "c", "r", blocks_of(AUDIO), actor="key_test")
    assert (await house.events()).count("recording.refused") == 1


async def test_setting_what_is_set_changes_nothing(house: House):
    """No epoch, no history, no event."""
    first = await house.vault.accounts.switch.read(house.account.id)
    await switch(house, enabled=True)
    assert await house.vault.accounts.switch.read(house.account.id) == first
    await switch(house, enabled=False)
    off = await house.vault.accounts.switch.read(house.account.id)
    await switch(house, enabled=False)
    assert await house.vault.accounts.switch.read(house.account.id) == off
    assert off.epoch == first.epoch + 1
    assert (await house.events()).count("switch.changed") == 1


async def test_what_is_kept_may_be_sent_again_after_off_and_on(house: House):
    """A client that repeats its upload is told so: the switch refused what was on its way, and this had arrived."""
    vault, account_id = house.vault, house.account.id
    row, _ = await vault.ingest.uploads.store(
        account_id, "call-1", "up-1", blocks_of(AUDIO), actor="key_test"
    )
    assert await house.settle(row.id) is State.AVAILABLE
    await switch(house, enabled=False)
    with pytest.raises(Refused) as error:
        await vault.ingest.uploads.store(account_id, "call-1", "up-1", blocks_of(AUDIO), actor="key_test")
    assert error.value.reasons[0] == "switch_off"
    await switch(house, enabled=True)
    again, new = await vault.ingest.uploads.store(
        account_id, "call-1", "up-1", blocks_of(AUDIO), actor="key_test"
    )
    assert (again.id, new) == (row.id, False)
    assert await house.heard(row.id) == AUDIO


async def test_changes_of_different_fields_at_once_are_both_kept(house: House):
    """Twenty times two requests change name and locale, each naming its own field alone."""
    for number in range(20):
        await asyncio.gather(
            house.vault.accounts.accounts.open("acme", name=f"Acme {number}", locale=None, actor="key_1"),
            house.vault.accounts.accounts.open("acme", name=None, locale=f"en-{number}", actor="key_2"),
        )
        now = await house.vault.accounts.accounts.find("acme")
        assert (now.name, now.locale) == (f"Acme {number}", f"en-{number}")
