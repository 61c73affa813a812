"""Callbacks: each change of a request is told to one URL, signed, without a number, and tried again."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.outside import Posted
from tests.services.requests.people import ACTOR, PERSON, ask, asks, carried_out, decide, recorded
from tests.support.outbox import let_time_come, send_due
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.outbox.attempt import Answer
from vault.domain.requests.callback import BACKOFF, MAX_TRIES
from vault.domain.requests.request import RequestState
from vault.errors import FetchFailed, Invalid, NotFound
from vault.metrics import REQUEST_CALLBACKS
from vault.services.requests.callbacks import open_callback
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import GuardedOutside
from vault.thread_pools import Threads

URL = "https://crm.example/hook"
GOOD, BUSY = Answer(status=204), Answer(status=503)


async def tell(house: House, *answers: Answer | FetchFailed, rounds: int = 1) -> list[Posted]:
    """Let the time come for every delivery, and send; return what was sent."""
    before = len(house.outside.sent)
    house.outside.answer(URL, *answers)
    for _ in range(rounds):
        await let_time_come(house)
        await send_due(house)
    return house.outside.sent[before:]


async def is_idle(house: House) -> bool:
    """Return whether nothing waits to be told."""
    return (await house.vault.requests.callbacks.read(house.account.id)).deliveries.waiting == 0


async def test_each_change_is_told_signed_and_without_a_number(either: House):
    """The receiver verifies id, time and body with the secret that it got once."""
    await recorded(either, "call-1")
    before = await ask(either, asks("access", reference="ticket 0"))
    made = await either.vault.requests.callbacks.set(either.account.id, URL, actor=ACTOR)
    view = await ask(either, asks(wish="Erase it all."))
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    sent = await tell(either, GOOD)
    told = [json.loads(one.body) for one in sent]
    assert sorted(one["type"] for one in told) == ["request.closed", "request.decided", "request.received"]
    assert {one["data"]["request"] for one in told} == {view.request.id}
    assert before.request.id not in str(told)
    # The client of the vault sends it, though the operator has not listed the host.
    assert {one.url for one in sent} == {URL}
    GuardedOutside(GuardedHttp()).check(URL)
    assert {one["type"]: one["data"]["state"] for one in told}["request.closed"] == "fulfilled"
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    for one in sent:
        signed = b".".join(
            (one.headers["webhook-id"].encode(), one.headers["webhook-timestamp"].encode(), one.body)
        )
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert one.headers["webhook-signature"] == f"v1,{expected}"
        assert not any(trace in one.body for trace in (PERSON[1:].encode(), b"Erase it", b"ticket"))
    assert len({one.headers["webhook-id"] for one in sent}) == 3
    assert await is_idle(either)


async def test_what_does_not_arrive_is_tried_again_with_the_same_id(either: House):
    """First immediately, then later and later; after the last try it is given up."""
    await either.vault.requests.callbacks.set(either.account.id, URL, actor=ACTOR)
    await ask(either)
    sent = await tell(either, BUSY, FetchFailed("It did not answer."), GOOD, rounds=5)
    assert len(sent) == 3
    assert len({one.headers["webhook-id"] for one in sent}) == 1
    await ask(either, asks(reference="ticket 2"))
    assert len(await tell(either, BUSY)) == 1
    before = len(either.outside.sent)
    await send_due(either)
    assert len(either.outside.sent) == before
    assert len(await tell(either, BUSY, rounds=MAX_TRIES + 3)) == MAX_TRIES - 1
    assert [BACKOFF.after(tries, jitter=1).total_seconds() for tries in (1, 2, 3, 15)] == [5, 15, 45, 21600]


async def test_a_callback_is_sealed_replaced_and_deleted(house: House):
    """Its URL and secret lie nowhere in clear; a new one has a new secret, and a deleted one is told nothing."""
    first = await house.vault.requests.callbacks.set(house.account.id, URL, actor=ACTOR)
    second = await house.vault.requests.callbacks.set(house.account.id, URL, actor=ACTOR)
    assert first.secret != second.secret
    assert first.secret not in repr(first)
    assert (await house.vault.requests.callbacks.read(house.account.id)).url == URL
    files = b"".join(path.read_bytes() for path in house.database.path.parent.glob("vault.db*"))
    assert b"crm.example" not in files
    assert second.secret.encode() not in files
    await ask(house)
    await house.vault.requests.callbacks.delete(house.account.id, actor=ACTOR)
    assert await tell(house, GOOD) == []
    for again in (
        house.vault.requests.callbacks.read(house.account.id),
        house.vault.requests.callbacks.delete(house.account.id, actor=ACTOR),
    ):
        with pytest.raises(NotFound):
            await again


async def test_a_callback_shows_how_its_deliveries_end(either: House):
    """What waits, what was accepted last, and why a try failed; a new callback begins without any of it."""
    vault, account_id = either.vault, either.account.id
    await vault.requests.callbacks.set(account_id, URL, actor=ACTOR)
    for reference in ("ticket 1", "ticket 2"):
        await ask(either, asks(reference=reference))
    shown = (await vault.requests.callbacks.read(account_id)).deliveries
    assert (shown.waiting, shown.delivered_at, shown.failed_at, shown.failure) == (2, None, None, None)
    await tell(either, BUSY, FetchFailed("The host did not respond in time."))
    shown = (await vault.requests.callbacks.read(account_id)).deliveries
    assert (shown.waiting, shown.delivered_at) == (2, None)
    assert shown.failed_at is not None
    assert shown.failure in {"The callback answered 503.", "The host did not respond in time."}
    await tell(either, GOOD)
    shown = (await vault.requests.callbacks.read(account_id)).deliveries
    assert (shown.waiting, shown.delivered_at is not None) == (0, True)
    await vault.requests.callbacks.set(account_id, URL, actor=ACTOR)
    assert (await vault.requests.callbacks.read(account_id)).deliveries.delivered_at is None


async def test_deliveries_are_counted_by_their_end_and_age(either: House):
    """The metrics of the page: tries, what waits, and since when."""

    def tries(result: str) -> float:
        return REQUEST_CALLBACKS.labels(result)._value.get()

    before = {name: tries(name) for name in ("accepted", "failed", "given_up")}
    await either.vault.requests.callbacks.set(either.account.id, URL, actor=ACTOR)
    await ask(either)
    await tell(either, BUSY, rounds=MAX_TRIES)
    await ask(either, asks(reference="ticket 2"))
    later = await either.database.read(lambda tx: tx.callbacks.waiting(tx.now() + timedelta(days=1)))
    assert later[0] == 1
    assert 86400 <= later[1] < 86460
    await tell(either, GOOD)
    assert await either.database.read(lambda tx: tx.callbacks.waiting(tx.now())) == (0, 0.0)
    assert {name: tries(name) - number for name, number in before.items()} == {
        "accepted": 1, "failed": MAX_TRIES - 1, "given_up": 1,
    }  # fmt: skip


async def test_a_restore_keeps_a_callback_with_its_secret(either: House, tmp_path: Path, threads: Threads):
    """The bucket alone has it, sealed."""
    made = await either.vault.requests.callbacks.set(either.account.id, URL, actor=ACTOR)
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        data_keys = late.vault.requests.callbacks.data_keys
        stored = await late.database.read(lambda tx: tx.callbacks.get(either.account.id))
        assert stored is not None
        restored = await open_callback(data_keys, either.account.id, stored)
        assert restored == made
    for stored in either.objects.objects.values():
        assert b"crm.example" not in bytes(stored.body)


async def test_a_deleted_callback_stays_deleted_by_a_restore(house: House, tmp_path: Path, threads: Threads):
    """An old backup has it, with a delivery that waits; the object of the account has it no more."""
    await house.vault.requests.callbacks.set(house.account.id, URL, actor=ACTOR)
    await ask(house)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await house.vault.requests.callbacks.delete(house.account.id, actor=ACTOR)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert await late.vault.node.recovery.check()
        await late.vault.backup.restore(actor="operator")
        with pytest.raises(NotFound):
            await late.vault.requests.callbacks.read(house.account.id)
        await send_due(late)
        assert late.outside.sent == []


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hook", "https://", "crm.example", "https://user:pass@crm.example/", "https://crm.example/#a",
        "https://crm.example/a b", "https://[::1", "https://bücher.example/",
        # The sender never sends there.
        "https://crm.example:99999/", "https://crm.example:0/", "https://crm.example:8443/", "https://crm.example/\0",
        "https://a..b/", "https://0x7f.1/",
    ],
)  # fmt: skip
async def test_another_url_is_refused(house: House, url: str):
    """It names the field."""
    with pytest.raises(Invalid) as refused:
        await house.vault.requests.callbacks.set(house.account.id, url, actor=ACTOR)
    assert refused.value.field == "url"
