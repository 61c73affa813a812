"""One account's long work delays no other: the last place of a job is for an account that has none."""

import asyncio

import pytest

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, House, with_account
from vault.domain.recordings.recording import State

LONG, SHORT = "https://media.example/long.wav", "https://media.example/short.wav"


@pytest.mark.parametrize("places", [2, 3])
async def test_another_account_is_done_while_the_first_one_holds_all_other_places(either: House, places: int):
    """Without the rule the claim of the last place takes the first account's next recording, and hangs with it.

    What the last place finds of the account is put back as it was, without a counted attempt.
    """
    ingest, long = either.vault.jobs.ingest, Media(body=AUDIO, hang=asyncio.Event())
    ingest.last.places = places
    first = [
        (
            await either.announce(f"long-{number}", url=f"{LONG}?{number}", call_ref=f"call-{number}")
        ).recording_id
        for number in range(places + 2)
    ]
    for number in range(places + 2):
        either.fetcher.serve(f"{LONG}?{number}", long)
    tasks = [asyncio.create_task(ingest()) for _ in range(places - 1)]
    async with asyncio.timeout(20):
        while ingest.last._held.total() < places - 1:
            await asyncio.sleep(0.01)
    assert await ingest() is False
    assert ingest.last.rests
    rows = [await either.row(one) for one in first]
    assert sum(row.attempts for row in rows) == places - 1

    other = await with_account(either, "other")
    short = (await other.announce("short", url=SHORT)).recording_id
    ingest.last._rests_until = 0.0
    assert await ingest() is True
    assert await other.state(short) is State.AVAILABLE
    assert not any(task.done() for task in tasks)
    assert long.hang is not None
    long.hang.set()
    await asyncio.gather(*tasks)
    states = [await either.state(one) for one in first]
    assert states.count(State.AVAILABLE) == places - 1
