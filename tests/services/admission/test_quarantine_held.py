"""Recordings in quarantine under a hold: nothing refuses them until it has ended."""

import pytest
from sqlalchemy import text

from tests.support.parties import ME, grounds, kept_apart, set_policy, tell
from tests.support.retention import place, release
from tests.support.service_house import LONG_AGO, House, with_account
from vault.domain.recordings.recording import State
from vault.errors import Held


async def test_what_a_hold_covers_stays_in_quarantine(either: House):
    """Neither the end of the quarantine nor an admin refuses it, until the hold has ended."""
    await set_policy(either)
    recording_id = await kept_apart(either)
    hold = (await place(either, calls=["call-1"])).hold
    await either.set(recording_id, quarantined_until=LONG_AGO)
    await either.vault.recordings.quarantine.expire()
    with pytest.raises(Held) as held:
        await either.vault.recordings.quarantine.refuse(
            either.account.id, recording_id, reason="nobody asked", **ME
        )
    assert held.value.holds == (hold.id,)
    assert await either.state(recording_id) is State.QUARANTINED
    await release(either, hold.id, at_once=True)
    await either.vault.recordings.quarantine.expire()
    assert (await either.state(recording_id), await grounds(either, recording_id)) == (
        State.REFUSED,
        ["quarantine_expired"],
    )


async def test_what_a_hold_covers_is_not_refused_for_lack_of_evidence(either: House):
    """A policy that now refuses what lacks evidence applies to it when the hold has ended; a no does at once."""
    await set_policy(either)
    recording_id, other = await kept_apart(either), await kept_apart(either, "rec-2", call_ref="call-2")
    for call in ("call-1", "call-2"):
        await place(either, calls=[call])
    await set_policy(either, missing_evidence="refuse", mode="opt_in_key")
    for call in ("call-1", "call-2"):
        await tell(either, "announced", call=call)
    assert [await either.state(one) for one in (recording_id, other)] == [State.QUARANTINED] * 2
    await tell(either, "declined", call="call-2")
    assert [await either.state(one) for one in (recording_id, other)] == [State.QUARANTINED, State.REFUSED]


async def test_a_held_quarantine_does_not_stop_the_others(either: House):
    """One that is held was over first."""
    await set_policy(either)
    held, free = await kept_apart(either), await kept_apart(either, "rec-2", call_ref="call-2")
    await place(either, calls=["call-1"])
    for recording_id in (held, free):
        await either.set(recording_id, quarantined_until=LONG_AGO)
    await either.vault.recordings.quarantine.expire()
    assert [await either.state(one) for one in (held, free)] == [State.QUARANTINED, State.REFUSED]


async def test_a_hold_that_cannot_be_read_keeps_its_account_alone(either: House):
    """What it covers is not known; the quarantine of another account ends."""
    other = await with_account(either, "beta")
    for house in (either, other):
        await set_policy(house)
    held, free = await kept_apart(either), await kept_apart(other, "rec-b")
    await place(either, calls=["another"])
    broken = text("UPDATE holds SET covers = '{\"v\": 2}'")
    await either.database.write(lambda tx: tx.connection.execute(broken) and None)
    for recording_id in (held, free):
        await either.set(recording_id, quarantined_until=LONG_AGO)
    await either.vault.recordings.quarantine.expire()
    assert [await either.state(held), await other.state(free)] == [State.QUARANTINED, State.REFUSED]
