"""Uploads whose client is gone: refused or given up in bounded time, and its client may come back at any time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.service_house import AUDIO, LONG_AGO, House, blocks_of
from vault.database.schema.core import recordings
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import UPLOAD_IDLE_TIMEOUT, State
from vault.errors import Busy, Refused, Unavailable

ME = {"actor": "key_test"}
_NOT_BEFORE = select(recordings.c.not_before)
CALLER = "+14155550142"


async def upload(house: House, body: AsyncIterator[bytes] | None = None) -> str:
    """Send the recording, and return its id."""
    blocks = blocks_of(AUDIO) if body is None else body
    row, _ = await house.vault.ingest.uploads.store(house.account.id, "call-1", "up", blocks, **ME)
    return row.id


async def begun(house: House) -> str:
    """Begin to send it in a process that dies in the middle; its lease is still good."""
    begins, ends = asyncio.Event(), asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        begins.set()
        await ends.wait()

    sending = asyncio.create_task(upload(house, half()))
    await asyncio.wait_for(begins.wait(), 10)
    row = await house.database.read(lambda tx: tx.recordings.by_ref(house.account.id, None, "up"))
    # Nobody gives the row back: the lease is that of a process that is no more.
    lease = await house.database.read(lambda tx: tx.now()) + timedelta(seconds=90)
    await house.set(row.id, lease_token="of the dead", lease_until=lease)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await house.state(row.id) is State.TRANSFERRING
    return row.id


async def oldest(house: House) -> dict[State, tuple[int, float]]:
    """Return what the metrics of the queue are made of."""
    return await house.database.read(lambda tx: tx.queue.counts())


async def run_out(house: House, recording_id: str) -> None:
    """Let the lease of the dead run out."""
    await house.set(recording_id, lease_until=LONG_AGO)


async def object_to_the_caller(house: House) -> None:
    """Enter an objection, and tell only then that the call is of that number."""
    await house.vault.consent.objections.enter(house.account.id, CALLER, reason=None, **ME)
    facts = CallFacts(call_ref="call-1", direction="inbound", caller=CALLER, started_at=datetime.now(UTC))
    await house.vault.recordings.calls.start(house.account.id, facts)


async def test_what_its_client_was_refused_is_refused(either: House):
    """A dead process held the lease while the client was told 409: the row follows when the lease runs out."""
    recording_id = await begun(either)
    await object_to_the_caller(either)
    with pytest.raises(Refused) as caught:
        await upload(either)
    assert caught.value.reasons[0] == "objection"
    await either.vault.jobs.settle_idle_uploads()
    assert await either.state(recording_id) is State.TRANSFERRING
    await run_out(either, recording_id)
    await either.vault.jobs.settle_idle_uploads()
    row = await either.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.REFUSED, "objection")
    assert await oldest(either) == {}


async def test_an_upload_that_is_sent_is_left_alone(either: House):
    """Its lease is good: the worker has no business with it."""
    recording_id = await begun(either)
    for _ in range(3):
        await either.vault.jobs.settle_idle_uploads()
    assert (await either.row(recording_id)).attempts == 1


async def test_a_client_that_comes_back_in_time_is_served(either: House):
    """After the lease ran out the row waits for it, for an hour; while the lease is good it is asked to wait."""
    recording_id = await begun(either)
    with pytest.raises(Busy):
        await upload(either)
    await run_out(either, recording_id)
    for _ in range(3):
        await either.vault.jobs.settle_idle_uploads()
        assert await either.state(recording_id) is State.RETRY_WAIT
    assert await upload(either) == recording_id
    assert await either.settle(recording_id) is State.AVAILABLE


@pytest.mark.parametrize("how", ["dead", "cut off"])
async def test_nobody_waits_for_ever_for_its_client(either: House, how: str):
    """An hour after it was cut off it fails, with an event; the client that comes then begins again."""
    if how == "dead":
        recording_id = await begun(either)
        await run_out(either, recording_id)
    else:

        async def cut() -> AsyncIterator[bytes]:
            yield AUDIO[:100]
            raise Unavailable("The connection is gone.")

        with pytest.raises(Unavailable):
            await upload(either, cut())
        row = await either.database.read(lambda tx: tx.recordings.by_ref(either.account.id, None, "up"))
        recording_id = row.id
    await either.vault.jobs.settle_idle_uploads()
    assert await either.state(recording_id) is State.RETRY_WAIT
    # An hour passes: the moment for which the row waits lies so far back.
    await either.set(
        recording_id, not_before=await either.database.read(lambda tx: tx.now()) - timedelta(seconds=1)
    )
    await either.vault.jobs.settle_idle_uploads()
    row = await either.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.FAILED, "upload_abandoned")
    assert await oldest(either) == {}
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert await either.events(recording_id) == ["recording.failed"]
    assert await upload(either) == recording_id
    assert await either.settle(recording_id) is State.AVAILABLE


async def test_the_wait_is_an_hour(either: House):
    """By the clock of the database."""
    recording_id = await begun(either)
    await run_out(either, recording_id)
    before = await either.database.read(lambda tx: tx.now())
    await either.vault.jobs.settle_idle_uploads()
    after = await either.database.read(lambda tx: tx.now())
    (waits,) = await either.database.read(
        lambda tx: [row.not_before for row in tx.connection.execute(_NOT_BEFORE)]
    )
    assert before + UPLOAD_IDLE_TIMEOUT <= waits <= after + UPLOAD_IDLE_TIMEOUT


async def test_a_call_that_cannot_be_read_is_put_off(either: House, monkeypatch: pytest.MonkeyPatch):
    """One account's key out of reach stops neither the worker nor the client."""
    recording_id = await begun(either)
    await run_out(either, recording_id)

    async def out_of_reach(*_: object) -> None:
        raise Unavailable("The key service does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(type(either.vault.jobs.settle_idle_uploads.call_opener), "load_call", out_of_reach)
        await either.vault.jobs.settle_idle_uploads()
    assert await either.state(recording_id) is State.TRANSFERRING
    await either.set(recording_id, not_before=LONG_AGO)
    await either.vault.jobs.settle_idle_uploads()
    assert await either.state(recording_id) is State.RETRY_WAIT
    assert await upload(either) == recording_id


async def test_announced_recordings_are_none_of_its_business(either: House):
    """They are fetched by the vault itself, and wait for no client."""
    receipt = await either.announce()
    await either.hurry(receipt.recording_id)
    await either.vault.jobs.settle_idle_uploads()
    assert await either.state(receipt.recording_id) is State.RECEIVED
