"""An upload that has not arrived, or failed, becomes a recording of who announces its name, or has it in a list.

One connection takes it over. The others have their own recordings of the name, and what only a list has is fetched.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from tests.fakes.fetcher import Media
from tests.fakes.provider import API
from tests.support.service_house import AUDIO, LONG_AGO, URL, House, blocks_of
from tests.support.tenant import tone
from vault.database.schema.core import connections
from vault.database.stores.hot.statements import Announced
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.calls.provider_api import RestReply
from vault.domain.recordings.recording import Recording, State
from vault.errors import FetchFailed
from vault.metrics import REGISTRY
from vault.services.accounts.connections import ConnectionRequest
from vault.services.ingest.receive_webhook import Receipt

ME = {"actor": "key_test"}
NAMES = ("one", "two", "three")
BODIES = {name: tone(0.3 + number / 10) for number, name in enumerate(NAMES)}
ROUNDS = 6
UPLOADS = ("open", "cut off", "abandoned", "failed")
#: The call of the recording ``one`` in the fake provider's list.
LISTED = "call-of-one"


@asynccontextmanager
async def upload_that_is(how: str, house: House, call: str, name: str) -> AsyncIterator[str]:
    """Begin an upload that does not come to its end; yield its recording's id. ``open``: until the block ends."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        begun.set()
        await go.wait()
        raise ConnectionError

    body = blocks_of(b"<html>") if how == "failed" else half()
    sending = asyncio.create_task(house.vault.ingest.uploads.store(house.account.id, call, name, body, **ME))
    if how != "failed":
        await asyncio.wait_for(begun.wait(), 20)
    if how != "open":
        go.set()
        await asyncio.wait([sending])
    (row,) = await rows(house, call)
    if how == "failed":
        assert await house.settle(row.id) is State.FAILED
    if how == "abandoned":
        await house.hurry(row.id)
        await house.vault.jobs.settle_idle_uploads()
        assert await house.state(row.id) is State.FAILED
    try:
        yield row.id
    finally:
        go.set()
        await asyncio.gather(sending, return_exceptions=True)


async def rows(house: House, call: str) -> list[Recording]:
    """Return a call's recordings."""
    return list(await house.database.read(lambda tx: tx.recordings.of_call(house.account.id, call)))


async def at_each_connection(house: House) -> dict[str, House]:
    """Return the house at three connections with the same secret."""
    doors = {"one": house}
    for name in NAMES[1:]:
        wish = ConnectionRequest(provider="platform", credentials={"secret": house.secret})
        connection, _, _ = await house.vault.accounts.connections.set(house.account.id, name, wish, **ME)
        doors[name] = replace(house, connection_id=connection.id)
    return doors


async def announce(door: House, name: str, call: str = "call-1") -> Receipt:
    """Announce the connection's own recording of the name that all use."""
    return await door.announce("1", call_ref=call, url=f"https://media.example/{name}.wav", body=BODIES[name])


async def heard(house: House, receipts: dict[str, Receipt]) -> dict[str, bytes]:
    """Return what each recording is in the end."""
    for receipt in receipts.values():
        assert await house.settle(receipt.recording_id) is State.AVAILABLE
    return {name: await house.heard(receipt.recording_id) for name, receipt in receipts.items()}


def with_late_take_over(door: House, before: Any) -> House:
    """Return the door with a step between the statement that finds the upload and the one that takes it over."""
    ingest = door.vault.ingest
    webhooks = ingest.webhooks
    again = webhooks.announce.announce_again

    async def late(*args: Any, **named: Any) -> Any:
        await before()
        return await again(*args, **named)

    slow = replace(webhooks, announce=replace(webhooks.announce, announce_again=late))
    return replace(door, vault=replace(door.vault, ingest=replace(ingest, webhooks=slow)))


@pytest.mark.parametrize("how", UPLOADS)
async def test_connections_at_once_have_a_recording_each(nodes: tuple[House, House], how: str):
    """On two nodes, in every round. Wrong: a duplicate of what another connection took over, which is lost."""
    first, second = nodes
    doors = await at_each_connection(first)
    doors["two"] = replace(second, connection_id=doors["two"].connection_id)
    for number in range(ROUNDS):
        call = f"call-{number}"
        async with upload_that_is(how, first, call, "1"):
            answers = await asyncio.gather(*(announce(doors[name], name, call) for name in NAMES))
        assert [answer.status for answer in answers] == ["accepted"] * len(NAMES)
        assert len({answer.recording_id for answer in answers}) == len(await rows(first, call)) == len(NAMES)
    assert await heard(first, dict(zip(NAMES, answers, strict=True))) == BODIES


@pytest.mark.parametrize("how", UPLOADS)
async def test_who_is_second_has_the_name_for_itself(either: House, how: str):
    """The other took the upload over between the two steps of this one; each fetches its own, once."""
    doors, receipts = await at_each_connection(either), dict[str, Receipt]()

    async def other() -> None:
        if "one" not in receipts:
            receipts["one"] = await announce(doors["one"], "one")

    async with upload_that_is(how, either, "call-1", "1") as uploaded:
        receipts["two"] = await announce(with_late_take_over(doors["two"], other), "two")
        repeated = await announce(doors["two"], "two")
    assert {receipt.status for receipt in receipts.values()} == {"accepted"}
    assert (repeated.status, repeated.recording_id) == ("duplicate", receipts["two"].recording_id)
    assert receipts["one"].recording_id == uploaded
    assert await heard(either, receipts) == {name: BODIES[name] for name in ("one", "two")}
    assert len(await rows(either, "call-1")) == 2


async def test_who_is_second_does_not_open_a_closed_name(either: House):
    """The other connection's recording was taken over and erased meanwhile. Wrong: to insert without a look."""
    doors = await at_each_connection(either)

    async def other() -> None:
        if await either.state(uploaded) is State.FAILED:
            receipt = await announce(doors["one"], "one")
            assert await either.settle(receipt.recording_id) is State.AVAILABLE
            await either.vault.recordings.recordings.erase(either.account.id, uploaded, ground=None, **ME)

    async with upload_that_is("failed", either, "call-1", "1") as uploaded:
        receipt = await announce(with_late_take_over(doors["two"], other), "two")
    assert (receipt.status, receipt.recording_id) == ("erased", uploaded)
    assert len(await rows(either, "call-1")) == 1


@pytest.fixture
async def lists(either: House) -> House:
    """The house, with a connection whose provider's list has one recording."""
    wish = ConnectionRequest(provider="fake", credentials={"secret": "whsec_" + "A" * 44})
    connection, _, _ = await either.vault.accounts.connections.set(either.account.id, "fake", wish, **ME)
    page = json.dumps({"url": URL, "refs": ["one"]}).encode()
    either.rest.answer("GET", f"{API}/list", RestReply(status=200, body=page))
    either.fetcher.serve(URL, Media(body=BODIES["one"]))
    return replace(either, connection_id=connection.id)


async def compare(house: House) -> int:
    """Compare the list; return how many recordings were missed, by events and by the metric."""
    due = update(connections).values(reconcile_not_before=LONG_AGO)
    await house.database.write(lambda tx: tx.connection.execute(due) and None)
    before = await _missed(house)
    while await house.vault.jobs.reconcile():
        pass
    while await house.vault.jobs.log_publisher.sequence():
        pass
    events, counted = [now - then for now, then in zip(await _missed(house), before, strict=True)]
    assert events == counted
    return events


async def _missed(house: House) -> tuple[int, int]:
    counted = REGISTRY.get_sample_value("callvault_recordings_missed_total", {"provider": "fake"}) or 0
    return (await house.events()).count("recording.missed"), int(counted)


@pytest.mark.parametrize("how", UPLOADS)
async def test_what_only_the_list_has_comes_in_for_an_upload_that_did_not(lists: House, how: str):
    """Under the upload's id, once. Wrong: to take the upload's row for one whose fetch failed here."""
    async with upload_that_is(how, lists, LISTED, "one") as uploaded:
        assert await compare(lists) == 1
        assert await compare(lists) == 0
    assert await lists.settle(uploaded) is State.AVAILABLE
    assert await lists.heard(uploaded) == BODIES["one"]
    (row,) = await rows(lists, LISTED)
    assert (row.id, row.connection_id, row.arrival) == (uploaded, lists.connection_id, "reconcile")
    assert await compare(lists) == 0


async def test_what_the_list_could_not_bring_is_not_begun_again(lists: House):
    """It was an upload once; it is the connection's own when its URL is refused for good."""
    refused = FetchFailed("The host answered 410.", final=True)
    lists.fetcher.serve(URL, Media(refuse=refused))
    lists.rest.answer("GET", f"{API}/one", RestReply(status=410, body=b""))
    async with upload_that_is("failed", lists, LISTED, "one") as uploaded:
        assert await compare(lists) == 1
    assert await lists.settle(uploaded) is State.FAILED
    asked = len(lists.fetcher.requests)
    assert await compare(lists) == 0
    assert await lists.state(uploaded) is State.FAILED
    assert len(lists.fetcher.requests) == asked


@pytest.mark.parametrize("end", ["available", "erased"])
async def test_an_upload_that_arrived_was_not_missed(lists: House, end: str):
    """Its audio, or its end, stays what it is."""
    row, _ = await lists.vault.ingest.uploads.store(lists.account.id, LISTED, "one", blocks_of(AUDIO), **ME)
    assert await lists.settle(row.id) is State.AVAILABLE
    if end == "erased":
        await lists.vault.recordings.recordings.erase(lists.account.id, row.id, ground=None, **ME)
        assert await lists.settle(row.id) is State.ERASED
    assert await compare(lists) == 0
    assert await lists.settle(row.id) == end
    assert [(one.id, one.connection_id) for one in await rows(lists, LISTED)] == [(row.id, None)]
    assert not lists.fetcher.requests


async def test_a_webhook_takes_over_while_the_list_is_compared(lists: House):
    """The list found the upload; then the connection's own webhook was first. Wrong: to count it as missed."""
    reconcile, told = lists.vault.jobs.reconcile, list[Announced]()
    again, url = reconcile.announce.announce_again, "https://media.example/two.wav"
    lists.fetcher.serve(url, Media(body=BODIES["two"]))
    connection = await lists.database.read(lambda tx: tx.connections.get(lists.connection_id))

    async def late(*args: Any, **named: Any) -> Any:
        if not told:
            say = {"facts": CallFacts(call_ref=LISTED), "received_at": datetime.now(UTC)}
            media = Announcement(recording_ref="one", source_ref="one", url=url)
            told.append(await reconcile.announce(connection, announcement=media, **say))
        return await again(*args, **named)

    lists.with_jobs(reconcile=replace(reconcile, announce=replace(reconcile.announce, announce_again=late)))
    async with upload_that_is("cut off", lists, LISTED, "one") as uploaded:
        assert await compare(lists) == 0
    assert [(one.renewed, one.recording_id) for one in told] == [(True, uploaded)]
    assert await lists.settle(uploaded) is State.AVAILABLE
    assert await lists.heard(uploaded) == BODIES["two"]
