"""The delivery log of an endpoint: each attempt and the beginning of its answer, sealed; and test events."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.services.events.receiving import ME, A, B, available, endpoint, erased, publish, told
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.database.schema.outbox import outbox_attempts, outbox_destinations
from vault.database.stores.outbox import attempts
from vault.database.stores.outbox.attempts import AttemptFilter, Place
from vault.domain.outbox.attempt import Answer, Outcome, shown_answer
from vault.errors import FetchFailed, NotFound, TooMany
from vault.services.events.deliveries import Delivery, DeliveryPage
from vault.services.events.endpoints import EndpointChange

_SAID = "Kim Doe is not known here."


async def log(
    house: House, endpoint_id: str, *, before: Place | None = None, limit: int = 100, **wanted: Any
) -> DeliveryPage:
    """List attempts."""
    return await house.vault.events.deliveries.list(
        house.account.id, endpoint_id, AttemptFilter(**wanted), before=before, limit=limit
    )


def said(page: DeliveryPage) -> list[tuple[str, int | None, str | None]]:
    """Return outcome, status and answer of each attempt."""
    return [(one.attempt.outcome, one.attempt.status, one.answer) for one in page.deliveries]


async def test_each_attempt_is_listed_with_its_answer(either: House):
    """The newest first. The answer is sealed in its row."""
    made = (await endpoint(either)).view.endpoint.id
    either.outside.answer(
        A, Answer(status=500, body=_SAID.encode()), FetchFailed("The host did not respond in time."),
        Answer(status=200, body=b"x" * 5000),
    )  # fmt: skip
    await available(either)
    await told(either)
    for _ in range(2):
        await let_time_come(either)
        await send_due(either)
    page = await log(either, made)
    assert said(page) == [("accepted", 200, "x" * 1024), ("unknown", None, None), ("failed", 500, _SAID)]
    assert [one.attempt.number for one in page.deliveries] == [3, 2, 1]
    assert page.deliveries[1].attempt.failure == "The host did not respond in time."
    rows = await either.database.read(lambda tx: tx.connection.execute(outbox_attempts.select()).all())
    assert "Kim" not in str(rows)
    assert "xxxx" not in str(rows)


async def test_the_list_has_pages_and_filters(either: House, monkeypatch: pytest.MonkeyPatch):
    """Each attempt is on one page, also where a page looks at fewer attempts than there are."""
    made = (await endpoint(either)).view.endpoint.id
    other = (await endpoint(either, B)).view.endpoint.id
    either.outside.answer(A, Answer(status=503), Answer(status=204))
    for number in range(4):
        await available(either, f"rec-{number}")
    await told(either)
    await let_time_come(either)
    await send_due(either)
    whole = (await log(either, made)).deliveries
    assert len(whole) == 5

    async def walked(limit: int, **wanted: Any) -> list[Delivery]:
        found: list[Delivery] = []
        page = await log(either, made, limit=limit, **wanted)
        while True:
            found += page.deliveries
            if page.before is None:
                return found
            page = await log(either, made, limit=limit, before=page.before, **wanted)

    failed = [one for one in whole if one.attempt.status == 503]
    assert len(failed) == 1
    for window in (2, 5000):
        monkeypatch.setattr(attempts, "WINDOW", window)
        assert await walked(2) == whole
        assert await walked(2, outcome="failed") == failed
        assert await walked(2, status=503) == failed
        assert len(await walked(2, message_id=failed[0].attempt.id)) == 2
        assert await walked(2, type="hold.placed") == []
        assert await walked(2, type="recording.available") == whole
    assert len((await log(either, other)).deliveries) == 4
    stranger, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    with pytest.raises(NotFound):
        await either.vault.events.deliveries.list(stranger.id, made, AttemptFilter(), before=None, limit=9)


async def test_an_erasure_takes_the_answers_with_it(either: House):
    """Of attempts before it, and of those about it afterwards; of others they stay."""
    made = (await endpoint(either)).view.endpoint.id
    either.outside.answer(A, Answer(status=200, body=_SAID.encode()))
    goes, stays = await available(either, "goes"), await available(either, "stays")
    await told(either)
    assert [one.answer for one in (await log(either, made)).deliveries] == [_SAID] * 2
    await erased(either, goes)
    await told(either)
    shown = {one.attempt.type: one.answer for one in (await log(either, made)).deliveries}
    assert shown == {"recording.available": _SAID, "recording.erasing": None, "recording.erased": None}
    query = outbox_attempts.select().where(outbox_attempts.c.answer.is_not(None))
    (left,) = await either.database.read(lambda tx: tx.connection.execute(query).all())
    assert left.recording_id == stays


async def test_an_erasure_that_began_meanwhile_takes_the_answer_too(either: House):
    """The attempt ends after it: permitted before, noted afterwards."""
    made = (await endpoint(either)).view.endpoint.id
    recording_id = await available(either)
    await publish(either)
    post, begun, go_on = either.outside.post, asyncio.Event(), asyncio.Event()

    async def slowly(*of: Any) -> Answer:
        begun.set()
        await go_on.wait()
        await post(*of)
        return Answer(status=200, body=_SAID.encode())

    either.outside.post = slowly  # type: ignore[method-assign]
    sending = asyncio.create_task(send_due(either))
    await begun.wait()
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    go_on.set()
    await sending
    assert said(await log(either, made))[0] == ("accepted", 200, None)


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (b"ok\r\nfine\t.", "ok\nfine\t."),
        (b"\xff\xfe\x00\x1b[31m", "\ufffd\ufffd\ufffd\ufffd[31m"),
        ("a\u202eb\u2066".encode(), "a\ufffdb\ufffd"),
        ("Grüße".encode()[:-2] + "ß".encode()[:1], "Grü" + "\ufffd"),
        (b"x" * 3 + "ü".encode()[:1], "xxx"),
        (b"<script>", "<script>"),
        (b"", ""),
    ],
)
def test_an_answer_is_shown_harmlessly(bytes_: bytes, text: str):
    """Bytes that are no text, and characters that change how a text is shown, are replaced."""
    assert shown_answer(bytes_) == text


async def test_no_number_is_missing_after_a_long_failure(either: House):
    """The warnings about an endpoint have numbers, so it gets them itself, once it takes events again."""
    await endpoint(either)
    either.outside.answer(A, Answer(status=503))
    await available(either, "first")
    await told(either)
    since = outbox_destinations.update().values(failing_since=datetime.now(UTC) - timedelta(minutes=61))
    await either.database.write(lambda tx: tx.connection.execute(since) and None)
    await let_time_come(either)
    await told(either)
    either.outside.answer(A, Answer(status=204))
    await available(either, "second")
    await let_time_come(either)
    await told(either)
    await let_time_come(either)
    got = {one["sequence"]: one["type"] for one in await told(either)}
    assert "destination.failing" in got.values()
    assert sorted(got) == list(range(min(got), max(got) + 1))


async def test_another_secret_repairs_nothing(either: House):
    """What a receiver is like stays known: it is switched on again by a change alone."""
    made = await endpoint(either)
    name = made.view.endpoint.id
    either.outside.answer(A, Answer(status=410))
    await available(either)
    await told(either)
    endpoints = either.vault.events.endpoints
    disabled = (await endpoints.read(either.account.id, name)).health.disabled_at
    assert disabled is not None
    rotated = await endpoints.rotate(either.account.id, name, timedelta(hours=1), **ME)
    assert rotated.view.health.disabled_at == disabled
    repaired = await endpoints.change(either.account.id, name, EndpointChange(), **ME)
    assert repaired.health.disabled_at is None


async def test_a_test_event_says_how_it_ended(either: House):
    """It is signed, has no number, is in the log and in the list, and changes no health."""
    made = await endpoint(either)
    name = made.view.endpoint.id
    either.outside.answer(
        A, Answer(status=404, body=b"no such path"), FetchFailed("No host.", final=True), Answer(status=204)
    )
    ends = [await either.vault.events.deliveries.test(either.account.id, name, **ME) for _ in range(3)]
    assert [(one.attempt.outcome, one.attempt.status) for one in ends] == [
        (Outcome.FAILED, 404), (Outcome.FAILED, None), (Outcome.ACCEPTED, 204),
    ]  # fmt: skip
    assert ends[0].attempt.answer == b"no such path"
    assert ends[1].attempt.failure == "No host."
    sent = either.outside.sent[0]
    assert Webhook(made.secret).verify(sent.body, dict(sent.headers))
    body = json.loads(sent.body)
    assert {**body, "timestamp": ""} == {
        "id": ends[0].event_id, "type": "endpoint.test", "timestamp": "",
        "data": {"account": either.account.id, "endpoint": name},
    }  # fmt: skip
    page = await log(either, name, type="endpoint.test")
    assert said(page)[-1] == ("failed", 404, "no such path")
    assert len(page.deliveries) == 3
    view = await either.vault.events.endpoints.read(either.account.id, name)
    assert view.health.failing_since is None
    await publish(either)
    events = await either.database.read(
        lambda tx: tx.events.page(either.account.id, recording_id=None, start=0, limit=99)
    )
    assert [one.event.type for one in events].count("event_endpoint.tested") == 3
    stranger, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    with pytest.raises(NotFound):
        await either.vault.events.deliveries.test(stranger.id, name, **ME)


async def test_one_test_of_an_endpoint_at_a_time(house: House):
    """A second one is refused until the first has ended."""
    name = (await endpoint(house)).view.endpoint.id
    post, begun, go_on = house.outside.post, asyncio.Event(), asyncio.Event()

    async def slowly(*of: Any) -> Answer:
        begun.set()
        await go_on.wait()
        return await post(*of)

    house.outside.post = slowly  # type: ignore[method-assign]
    first = asyncio.create_task(house.vault.events.deliveries.test(house.account.id, name, **ME))
    await begun.wait()
    with pytest.raises(TooMany):
        await house.vault.events.deliveries.test(house.account.id, name, **ME)
    go_on.set()
    assert (await first).attempt.status == 204
    assert (await house.vault.events.deliveries.test(house.account.id, name, **ME)).attempt.status == 204
