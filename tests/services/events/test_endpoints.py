"""Endpoints that receive events: whose they are, what is sealed, and what a restore brings back."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.services.events.receiving import ME, A, B, available, endpoint, publish, told
from tests.services.requests.people import ask
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.outbox.attempts import AttemptFilter
from vault.domain.events.endpoint import MAX_ENDPOINTS
from vault.errors import NotFound, Refused
from vault.services.events.endpoints import EndpointChange
from vault.services.events.poll_events import EventsWanted
from vault.services.events.replay_events import ReplayWanted
from vault.thread_pools import Threads


async def test_a_deleted_endpoint_is_told_nothing(either: House):
    """What waited goes with it; twice is 404, and another account's is none."""
    made = await endpoint(either)
    await available(either)
    await publish(either)
    other, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    name = made.view.endpoint.id
    for account_id in (other.id, either.account.id):
        if account_id == either.account.id:
            await either.vault.events.endpoints.delete(account_id, name, **ME)
        for act in (
            either.vault.events.endpoints.read(account_id, name),
            either.vault.events.endpoints.delete(account_id, name, **ME),
            either.vault.events.endpoints.rotate(account_id, name, timedelta(0), **ME),
            either.vault.events.endpoints.change(account_id, name, EndpointChange(), **ME),
        ):
            with pytest.raises(NotFound):
                await act
    assert await told(either) == []


async def test_events_of_an_account_are_its_own(either: House):
    """Another account's endpoint hears nothing of them."""
    await endpoint(either)
    other, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    await either.vault.events.endpoints.make(other.id, EndpointChange(url=B, types=["*"]), **ME)
    await available(either)
    await told(either)
    assert {one.url for one in either.outside.sent} == {A}


async def test_there_is_an_end_to_endpoints(house: House):
    """Twenty for an account."""
    for _ in range(MAX_ENDPOINTS):
        await endpoint(house)
    with pytest.raises(Refused, match="at most 20"):
        await endpoint(house)
    assert len(await house.vault.events.endpoints.list(house.account.id)) == MAX_ENDPOINTS


async def test_a_url_and_a_secret_lie_nowhere_in_clear(house: House):
    """Neither in the database nor in its log."""
    made = await endpoint(house)
    turned = await house.vault.events.endpoints.rotate(
        house.account.id, made.view.endpoint.id, timedelta(days=1), **ME
    )
    files = b"".join(path.read_bytes() for path in house.database.path.parent.glob("vault.db*"))
    for word in (b"a.example", made.secret.encode(), turned.secret.encode()):
        assert word not in files
    assert made.secret not in repr(made)


async def test_a_restore_brings_endpoints_and_tells_no_past(either: House, tmp_path: Path, threads: Threads):
    """With their secrets; from then on events are told, with greater numbers."""
    made = await endpoint(either)
    await available(either)
    before = await told(either)
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        view = await late.vault.events.endpoints.read(either.account.id, made.view.endpoint.id)
        assert (view.url, view.endpoint.types) == (A, ("*",))
        sent = len(late.outside.sent)
        await told(late)
        assert len(late.outside.sent) == sent
        await ask(late)
        (said,) = [one for one in await told(late) if one["type"] == "request.received"]
        assert said["sequence"] > before[-1]["sequence"]
        assert Webhook(made.secret).verify(late.outside.sent[-1].body, dict(late.outside.sent[-1].headers))


async def test_a_restore_brings_no_deliveries_and_no_polls(house: House, tmp_path: Path, threads: Threads):
    """Nothing of them is in the object store: nothing is sent again by it, and whoever asks begins again."""
    made = (await endpoint(house)).view.endpoint.id
    wanted, ended = EventsWanted(after=None, types=None, limit=9), asyncio.get_running_loop().create_future()
    await house.vault.events.poll(house.account.id, wanted, ended=ended)
    await available(house)
    await told(house)
    before = await house.vault.events.poll(house.account.id, wanted, ended=ended)
    assert len(before.bodies) == 1
    await house.vault.events.deliveries.replay(
        house.account.id, made, ReplayWanted(after=0), actor="key_test"
    )
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        sent = len(late.outside.sent)
        await told(late)
        assert len(late.outside.sent) == sent
        after = await late.vault.events.poll(house.account.id, wanted, ended=ended)
        assert (list(after.bodies), after.through) == ([], None)
        shown = await late.vault.events.deliveries.list(
            house.account.id, made, AttemptFilter(), before=None, limit=9
        )
        assert list(shown.deliveries) == []
        await ask(late)
        await told(late)
        (said,) = (await late.vault.events.poll(house.account.id, wanted, ended=ended)).bodies
        assert json.loads(said)["sequence"] > (before.through or 0)


@pytest.mark.parametrize("goes_on", [False, True], ids=["only older", "older, and it went on"])
async def test_a_deleted_endpoint_stays_deleted_by_a_restore(
    house: House, tmp_path: Path, threads: Threads, goes_on: bool
):
    """An old database has it, and perhaps changed its account since; the log has that it was deleted."""
    made = await endpoint(house)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await house.vault.events.endpoints.delete(house.account.id, made.view.endpoint.id, **ME)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        if goes_on:
            await late.vault.accounts.accounts.open("acme", name="went on", locale=None, **ME)
        assert await late.vault.node.recovery.check()
        await late.vault.backup.restore(actor="operator")
        assert await late.vault.events.endpoints.list(house.account.id) == []
