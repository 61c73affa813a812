"""Who dies anywhere on the way of a pause leaves none, or one that the worker asks for and ends."""

from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import delete

from tests.services.recordings.test_pauses import CALL, DONE, PAUSE, RESUME, begin, later, results, service
from tests.support.mortal import Killed, Life, Mortal
from tests.support.parties import ME
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.card_data import recording_pauses


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "forgotten"])
async def test_killed_anywhere_a_pause_is_asked_for_and_ends(either: House, by_hand: bool) -> None:
    """Before and after every call of the database and the provider; then a worker lives that was never killed.

    What was not noted was not asked for either. What was noted is asked for, has one entry of the log for its beginning
    and one for its end, and the last that the provider was told is to go on.
    """
    await begin(either)
    either.rest.answer(*PAUSE, DONE)
    either.rest.answer(*RESUME, DONE)
    steps, numbers = 0, set()
    while True:
        life = Life(steps)
        whole = service(either)
        mortal = replace(whole, database=Mortal(whole.database, life), rest=Mortal(whole.rest, life))
        before = await results(either)
        either.rest.asked.clear()
        with suppress(Killed):
            paused = await mortal.pause(either.account.id, CALL, reason="card", **ME)
            if by_hand:
                await mortal.end(either.account.id, CALL, paused.id, **ME)
            else:
                await expire(either)
                await mortal.step()
        known = await whole.of_call(either.account.id, CALL)
        if not known:
            assert either.rest.asked == []
        await later(either)
        await later(either, expires_at=LONG_AGO)
        after = await whole.of_call(either.account.id, CALL)
        assert [one.id for one in after] == [one.id for one in known]
        await either.database.write(lambda tx: tx.tree.settle())
        said = [kind for kind, _, _ in await results(either)]
        for kind in ("recording.paused", "recording.resumed"):
            assert said.count(kind) == [kind for kind, _, _ in before].count(kind) + len(known)
        for one in after:
            assert (one.answer, one.end_answer) == ("paused", "resumed")
            asked = either.rest.asked
            assert asked == sorted(asked)
            assert 1 <= asked.count(PAUSE) <= 2
            assert 1 <= asked.count(RESUME) <= 2
        numbers.add(len(after))
        await either.database.write(lambda tx: tx.connection.execute(delete(recording_pauses)) is None)
        if not life.dead:
            break
        steps += 1
    assert numbers == {0, 1}
    assert steps > 10


async def expire(house: House) -> None:
    """Let the time of the pause be over."""
    due = recording_pauses.update().values(not_before=LONG_AGO, expires_at=LONG_AGO)
    await house.database.write(lambda tx: tx.connection.execute(due) is None)
