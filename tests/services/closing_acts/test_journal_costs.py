"""What the journal of closing acts costs: requests, statements, and waiting."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.closing_acts.closing_verbs import VERBS, prepared
from tests.services.closing_acts.test_closing import acts_in, keeper, puts
from tests.support.parties import ME, let_in
from tests.support.service_house import AUDIO, House, another_node, blocks_of
from vault.domain.calls.call import CallFacts
from vault.errors import Refused, Unavailable
from vault.services.closing_acts import journal
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads


@contextmanager
def traced(house: House) -> Iterator[list[str]]:
    """Collect what the writer of the SQLite database runs."""
    said: list[str] = []
    driver: Any = house.database._writer_connection.connection.driver_connection
    driver.set_trace_callback(said.append)
    yield said
    driver.set_trace_callback(None)


async def test_nothing_else_costs_anything(house: House):
    """Uploads, webhooks, call starts, listening and refusals by the gate: no statement and no object of acts."""
    with traced(house) as said:
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1"))
        recording_id = await let_in(house)
        row, _ = await house.vault.ingest.uploads.store(house.account.id, "c", "r", blocks_of(AUDIO), **ME)
        await house.settle(row.id)
        wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=1)
        await house.vault.playback.links.create(house.account.id, recording_id, wish, **ME)
        assert await house.heard(recording_id) == AUDIO
    assert said
    assert not any("closing_acts" in one for one in said)
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    before = set(house.objects.objects)
    with traced(house) as said:
        with pytest.raises(Refused):
            await house.vault.ingest.uploads.store(house.account.id, "c2", "r2", blocks_of(AUDIO), **ME)
        await house.announce("rec-9")
    assert not any("closing_acts" in one for one in said)
    assert set(house.objects.objects) == before


async def test_a_closing_act_costs_one_statement_and_one_object(house: House):
    """Whichever it is, and however many links it stops."""
    things = await prepared(house)
    # What restricts a recording also cuts the links that customers signed for it: a cut is an act of its own.
    several = {
        "links": 3,
        "withdrawal": 3,
        "restriction": 2,
        "erasure that waits": 3,
        "release": 2,
        "execution": 2,
    }
    for name, verb in VERBS.items():
        before = puts(house)
        with traced(house) as said:
            await verb.close(house, things[name])
        inserted = [one for one in said if one.startswith("INSERT INTO closing_acts")]
        assert len(inserted) == several.get(name, 1), name
        calls = house.objects.calls[before:]
        # What is left of the audio is a new object.
        assert calls.count("put") == 1 if name == "redaction" else calls == ["put"], name


async def test_a_worker_elsewhere_asks_once_for_all(house: House, tmp_path: Path, threads: Threads):
    """What another node has put it only looks at, in one listing, and puts the one that is not there."""
    for n in range(5):
        key, _ = await house.vault.accounts.api_keys.issue(name=str(n), scopes=["*"], account_id=None, **ME)
        await house.vault.accounts.api_keys.revoke(key.id, account_id=None, **ME)
    lost = sorted(acts_in(house))[2]
    del house.objects.objects[lost]
    before = puts(house)
    node = another_node(house, tmp_path, threads)
    assert await keeper(node)()
    assert house.objects.calls[before:] == ["list", "put"]
    assert lost in acts_in(house)
    assert not await keeper(house).any_due()


async def test_objects_of_several_acts_are_put_at_once(house: House):
    """Each begins with its own commit, and waits for no other."""
    keys = [
        (await house.vault.accounts.api_keys.issue(name=str(n), scopes=["*"], account_id=None, **ME))[0]
        for n in range(8)
    ]
    put, begun, go = house.objects.put, [], asyncio.Event()

    async def slow(key: str, body: bytes, **how: Any) -> bool:
        begun.append(key)
        await go.wait()
        return await put(key, body, **how)

    house.objects.put = slow  # type: ignore[method-assign]
    acts = [
        asyncio.create_task(house.vault.accounts.api_keys.revoke(key.id, account_id=None, actor="operator"))
        for key in keys
    ]
    async with asyncio.timeout(30):
        while len(begun) < len(keys):
            await asyncio.sleep(0.005)
    assert not any(task.done() for task in acts)
    go.set()
    await asyncio.gather(*acts)
    assert set(begun) == set(acts_in(house))


async def test_a_store_that_hangs_does_not_hold_the_answer(house: House, monkeypatch: pytest.MonkeyPatch):
    """After some seconds the caller hears what stands and what to do, though the store may still take it."""
    monkeypatch.setattr(journal, "_PUT_TIMEOUT", 0.05)
    put, go = house.objects.put, asyncio.Event()

    async def hang(key: str, body: bytes, **how: Any) -> bool:
        await go.wait()
        return await put(key, body, **how)

    house.objects.put = hang  # type: ignore[method-assign]
    with pytest.raises(Unavailable) as raised:
        await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    assert str(raised.value) == journal.NOT_STORED
    assert not (await house.vault.accounts.switch.read(house.account.id)).enabled
    house.objects.put = put  # type: ignore[method-assign]
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    assert [*acts_in(house).values()] == [["switch.changed"]]
