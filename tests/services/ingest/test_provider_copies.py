"""The provider's copy: found again when its URL expired, deleted once ours is stored, listed when never told."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.fakes.fetcher import Media
from tests.fakes.provider import API
from tests.support.service_house import AUDIO, LONG_AGO, URL, House
from tests.support.tenant import moment
from vault.database.schema.core import connections
from vault.domain.calls.provider_api import Delivery, RestReply
from vault.domain.recordings.recording import State
from vault.errors import FetchFailed
from vault.metrics import REGISTRY
from vault.services.accounts.connections import ConnectionRequest
from vault.services.ingest.provider_requests import MAX_DELETIONS
from vault.telephony.signatures.standard_webhooks import sign

FRESH = "https://media.example/fresh.wav"
SECRET = "whsec_" + "A" * 44


async def connect(house: House, **wish: Any) -> str:
    """Connect the account to the provider that has a REST interface."""
    wanted = ConnectionRequest(provider="fake", credentials={"secret": SECRET}, **wish)
    connection, _, _ = await house.vault.accounts.connections.set(
        house.account.id, "fake", wanted, actor="key_test"
    )
    return connection.id


async def announce(house: House, connection_id: str, ref: str = "rec-1", url: str = URL) -> str:
    """Announce a recording over that connection."""
    now = datetime.now(UTC)
    data = {"call_ref": "call-1", "recording_ref": ref, "recording_url": url}
    body = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": data}).encode()
    headers = sign(SECRET, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
    delivery = Delivery(
        method="POST", url="https://vault.example/", headers=headers, body=body, received_at=now
    )
    return (await house.vault.ingest.webhooks.receive("fake", connection_id, delivery)).recording_id or ""


def url_reply(url: str) -> RestReply:
    """Answer with a URL."""
    return RestReply(status=200, body=json.dumps({"url": url}).encode())


async def test_an_expired_url_is_asked_for_again(house: House):
    """The announced URL answers 403, the provider knows a fresh one: one attempt is enough."""
    house.step_by_step()
    connection = await connect(house)
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 403.")))
    house.fetcher.serve(FRESH, Media(body=AUDIO))
    house.rest.answer("GET", f"{API}/rec-1", url_reply(FRESH))
    recording = await announce(house, connection)
    await house.vault.jobs.ingest()
    assert (await house.row(recording)).state is State.STORED
    assert await house.settle(recording) is State.AVAILABLE
    assert await house.heard(recording) == AUDIO


async def test_a_provider_that_does_not_have_it_yet_is_asked_later(house: House):
    """Neither the URL nor the provider has it: the recording waits, and comes in when it is there."""
    connection = await connect(house)
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 404.")))
    house.fetcher.serve(FRESH, Media(body=AUDIO))
    house.rest.answer("GET", f"{API}/rec-1", RestReply(status=404, body=b""), url_reply(FRESH))
    recording = await announce(house, connection)
    await house.vault.jobs.ingest()
    assert (await house.row(recording)).state is State.RETRY_WAIT
    assert await house.settle(recording) is State.AVAILABLE


async def test_what_the_provider_says_is_gone_fails(house: House):
    """A final answer of the provider ends the waiting, with its reason."""
    connection = await connect(house)
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 403.")))
    house.rest.answer("GET", f"{API}/rec-1", RestReply(status=410, body=b""))
    recording = await announce(house, connection)
    await house.vault.jobs.ingest()
    row = await house.row(recording)
    assert (row.state, row.reasons[0].text) == (State.FAILED, "The provider does not have it.")


async def test_the_copy_goes_only_once_ours_is_stored(house: House):
    """Nothing is deleted before the gate; after it the copy goes once, and the history says so."""
    house.step_by_step()
    connection = await connect(house, delete_at_source=True)
    house.fetcher.serve(URL, Media(body=AUDIO))
    house.rest.answer("DELETE", f"{API}/rec-1", RestReply(status=204, body=b""))
    recording = await announce(house, connection)
    assert not await house.vault.jobs.provider_requests.delete_copy()
    await house.vault.jobs.ingest()
    assert not await house.vault.jobs.provider_requests.delete_copy()
    assert house.rest.asked == []
    await house.settle(recording)
    assert await house.vault.jobs.provider_requests.delete_copy()
    assert house.rest.asked == [("DELETE", f"{API}/rec-1")]
    assert (await house.row(recording)).source_deleted_at is not None
    assert await house.events(recording) == ["recording.available", "source.deleted"]
    assert not await house.vault.jobs.provider_requests.delete_copy()


async def test_without_the_wish_the_copy_stays(house: House):
    """A connection that does not say so deletes nothing."""
    connection = await connect(house)
    house.fetcher.serve(URL, Media(body=AUDIO))
    await house.settle(await announce(house, connection))
    assert not await house.vault.jobs.provider_requests.delete_copy()


@pytest.mark.parametrize("delete_refused", [False, True])
async def test_a_refused_recording_is_deleted_where_the_connection_says_so(
    house: House, delete_refused: bool
):
    """Refused at announcement, or on its way: the provider's copy goes, or stays, as the connection says."""
    connection = await connect(house, delete_refused=delete_refused)
    house.rest.answer("DELETE", f"{API}/on-its-way", RestReply(status=204, body=b""))
    house.rest.answer("DELETE", f"{API}/too-late", RestReply(status=204, body=b""))
    await announce(house, connection, "on-its-way")
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    await announce(house, connection, "too-late")
    done = [await house.vault.jobs.provider_requests.delete_copy() for _ in range(3)]
    assert done == ([True, True, False] if delete_refused else [False, False, False])
    asked = {url.rpartition("/")[2] for _, url in house.rest.asked}
    assert asked == ({"on-its-way", "too-late"} if delete_refused else set())


async def test_a_failing_deletion_is_repeated_and_at_last_given_up(house: House):
    """Each failure waits longer; the first is told, and so is giving up. Nothing is hidden."""
    connection = await connect(house, delete_at_source=True)
    house.fetcher.serve(URL, Media(body=AUDIO))
    house.rest.answer("DELETE", f"{API}/rec-1", RestReply(status=500, body=b""), FetchFailed("no answer"))
    recording = await announce(house, connection)
    await house.settle(recording)
    for _ in range(MAX_DELETIONS):
        assert await house.vault.jobs.provider_requests.delete_copy()
        assert not await house.vault.jobs.provider_requests.delete_copy()
        await house.set(recording, source_not_before=LONG_AGO)
    assert not await house.vault.jobs.provider_requests.delete_copy()
    events = await house.events(recording)
    assert events == ["recording.available", "source.delete_failed", "source.kept"]


async def test_what_is_gone_already_counts_as_deleted(house: House):
    """404 is as good as 204: there is no copy."""
    connection = await connect(house, delete_at_source=True)
    house.fetcher.serve(URL, Media(body=AUDIO))
    recording = await announce(house, connection)
    await house.settle(recording)
    await house.vault.jobs.provider_requests.delete_copy()
    assert (await house.row(recording)).source_deleted_at is not None


async def test_success_for_what_has_not_arrived_is_asked_twice(house: House):
    """Where a provider may answer success too early, the deletion comes again after its time."""
    provider = house.vault.jobs.provider_requests.providers["fake"]
    object.__setattr__(provider, "again", timedelta(hours=6))
    connection = await connect(house, delete_at_source=True)
    house.fetcher.serve(URL, Media(body=AUDIO))
    house.rest.answer("DELETE", f"{API}/rec-1", RestReply(status=204, body=b""))
    recording = await announce(house, connection)
    await house.settle(recording)
    await house.vault.jobs.provider_requests.delete_copy()
    assert (await house.row(recording)).source_deleted_at is None
    assert not await house.vault.jobs.provider_requests.delete_copy()
    await house.set(recording, source_not_before=LONG_AGO)
    await house.vault.jobs.provider_requests.delete_copy()
    assert (await house.row(recording)).source_deleted_at is not None
    assert len(house.rest.asked) == 2


async def test_a_copy_that_cannot_be_deleted_is_kept_on_record(house: House):
    """The provider has no way: the history says that its copy stays."""
    connection = await connect(house, delete_at_source=True)
    house.fetcher.serve(URL, Media(body=AUDIO))
    recording = await announce(house, connection, "kept")
    await house.settle(recording)
    await house.vault.jobs.provider_requests.delete_copy()
    assert (await house.events(recording))[-1] == "source.kept"
    assert not await house.vault.jobs.provider_requests.delete_copy()


async def test_what_was_never_announced_is_found_in_the_list(house: House):
    """Two pages, three recordings, one of them known: the others come in, each on record as missed."""
    connection = await connect(house)
    house.fetcher.serve(URL, Media(body=AUDIO))
    known = await announce(house, connection, "one")
    first = {"url": URL, "refs": ["one", "two"], "next": f"{API}/list2"}
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=json.dumps(first).encode()))
    second = {"url": URL, "refs": ["three"]}
    house.rest.answer("GET", f"{API}/list2", RestReply(status=200, body=json.dumps(second).encode()))
    counted = {"provider": "fake"}
    before = REGISTRY.get_sample_value("callvault_recordings_missed_total", counted) or 0.0
    while await house.vault.jobs.reconcile():
        pass
    events = [event for event in await house.events() if event == "recording.missed"]
    assert len(events) == 2
    assert REGISTRY.get_sample_value("callvault_recordings_missed_total", counted) == before + 2
    found = {}
    for ref in ("one", "two", "three"):
        row = await house.database.read(
            lambda tx, r=ref: tx.recordings.by_ref(house.account.id, connection, r)
        )
        assert row is not None
        found[ref] = row.id
    assert found["one"] == known
    for recording in found.values():
        assert await house.settle(recording) is State.AVAILABLE


async def test_a_wish_for_more_of_the_past_outlives_a_comparison(house: House):
    """It came while a list was read that began later: the next comparison begins where it says."""
    connection = await connect(house)
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=b'{"url": "", "refs": []}'))
    long_ago, send = datetime.now(UTC) - timedelta(days=90), house.rest.send

    async def sent(request: Any) -> RestReply:
        house.rest.send = send
        await connect(house, collect_from=long_ago)
        return await send(request)

    house.rest.send = sent
    while await house.vault.jobs.reconcile():
        pass
    query = select(connections.c.reconciled_until).where(connections.c.id == connection)
    until = await house.database.read(lambda tx: tx.connection.execute(query).scalar())
    assert until <= long_ago


async def test_a_list_without_end_is_not_taken_for_compared(house: House):
    """What lies behind the last page that is read may have been missed: nothing says that it was compared."""
    connection = await connect(house)
    endless = {"url": URL, "refs": [], "next": f"{API}/list"}
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=json.dumps(endless).encode()))
    query = select(connections.c.reconciled_until).where(connections.c.id == connection)
    before = await house.database.read(lambda tx: tx.connection.execute(query).scalar())
    while await house.vault.jobs.reconcile():
        pass
    assert await house.database.read(lambda tx: tx.connection.execute(query).scalar()) == before


@pytest.mark.parametrize("asked_for", [False, True])
async def test_what_was_recorded_before_the_connection_is_not_collected(house: House, asked_for: bool):
    """A list by days reaches back behind the connection: only where the admin asked for it does that come in."""
    ended = datetime.now(UTC) - timedelta(hours=2)
    since = ended - timedelta(hours=1) if asked_for else None
    connection = await connect(house, collect_from=since)
    house.fetcher.serve(URL, Media(body=AUDIO))
    page = {"url": URL, "refs": ["old"], "ended": ended.isoformat()}
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=json.dumps(page).encode()))
    while await house.vault.jobs.reconcile():
        pass
    assert house.rest.asked == [("GET", f"{API}/list")]
    row = await house.database.read(lambda tx: tx.recordings.by_ref(house.account.id, connection, "old"))
    assert (row is not None) is asked_for


async def test_a_list_is_compared_from_the_first_day_of_the_calendar(house: House):
    """An admin who wants everything may write it; nothing is subtracted from it."""
    connection = await connect(house, collect_from=datetime(1, 1, 1, tzinfo=UTC))
    house.rest.answer("GET", f"{API}/list", RestReply(status=200, body=b'{"url": "", "refs": []}'))
    before = datetime.now(UTC)
    while await house.vault.jobs.reconcile():
        pass
    assert await until(house, connection) >= before


async def test_a_list_that_fails_is_compared_again(house: House):
    """The provider does not answer: nothing is taken for compared, and the next comparison reaches as far back."""
    connection = await connect(house)
    house.rest.answer("GET", f"{API}/list", FetchFailed("no answer"))
    before = await until(house, connection)
    while await house.vault.jobs.reconcile():
        pass
    assert await until(house, connection) == before


async def until(house: House, connection: str) -> datetime:
    """Return up to when the connection's list was compared."""
    query = select(connections.c.reconciled_until).where(connections.c.id == connection)
    return await house.database.read(lambda tx: tx.connection.execute(query).scalar_one())
