"""Nothing is lost behind a 2xx: equal names in two calls, what failed and is announced again, uploads over both."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, URL, House, blocks_of
from tests.support.tenant import tone
from vault.database.schema.core import recordings
from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.recordings.recording import Recording, State
from vault.errors import FetchFailed, RecordingErased, Refused

ME = {"actor": "key_test"}
OTHER_URL, OTHER_AUDIO = "https://media.example/other.wav", tone(0.3)
#: What can never be decoded, and what the host answers for good.
NO_AUDIO = b"<html>Please sign in.</html>"
GONE_FOR_GOOD = FetchFailed("The host answered 410.", final=True)
NOT_YET = FetchFailed("The host answered 404.")


async def upload(house: House, ref: str = "rec-1", *, call: str = "call-1", body: bytes = AUDIO) -> str:
    """Send the recording, and return its id."""
    row, _ = await house.vault.ingest.uploads.store(house.account.id, call, ref, blocks_of(body), **ME)
    return row.id


async def failed(house: House, ref: str = "rec-1", **data: str) -> str:
    """Announce a recording that cannot be fetched, and return its id."""
    receipt = await house.announce(ref, **data)
    house.fetcher.serve(data.get("url", URL), Media(refuse=GONE_FOR_GOOD))
    assert await house.settle(receipt.recording_id) is State.FAILED
    return receipt.recording_id


async def count(house: House) -> int:
    """Return the number of rows."""
    rows = await house.database.read(lambda tx: tx.connection.execute(recordings.select()).all())
    return len(rows)


async def test_calls_that_number_their_recordings_alike_have_one_each(either: House):
    """The second is its own recording, fetched from its own URL; each repeat is a duplicate of its own."""
    first = await either.announce("1", call_ref="call-a")
    second = await either.announce("1", call_ref="call-b", url=OTHER_URL, body=OTHER_AUDIO)
    assert (first.status, second.status) == ("accepted", "accepted")
    assert first.recording_id != second.recording_id
    for receipt, body in ((first, AUDIO), (second, OTHER_AUDIO)):
        assert await either.settle(receipt.recording_id) is State.AVAILABLE
        assert await either.heard(receipt.recording_id) == body
    again = [await either.announce("1", call_ref=call, url=OTHER_URL) for call in ("call-a", "call-b")]
    assert [each.status for each in again] == ["duplicate", "duplicate"]
    assert [each.recording_id for each in again] == [first.recording_id, second.recording_id]
    assert (await either.row(second.recording_id)).name == "1"
    assert await count(either) == 2


async def test_an_erased_name_takes_no_facts_of_another_call_away(either: House):
    """The facts of the second call are stored, although a recording of that name was erased in the first."""
    first = await either.announce("1", call_ref="call-a", **{"from": "+14155550142"})
    await either.settle(first.recording_id)
    await either.vault.recordings.recordings.erase(either.account.id, first.recording_id, ground=None, **ME)
    assert (await either.announce("1", call_ref="call-a")).status == "erased"
    await either.announce("1", call_ref="call-b", **{"from": "+14155550143"})
    facts = await either.database.read(lambda tx: tx.call_facts.of_call(either.account.id, "call-b"))
    assert len(facts) == 1


async def test_uploads_of_one_name_in_two_calls_are_two(either: House):
    """A retry of either finds its own; other bytes of either are refused."""
    one, two = await upload(either, "1", call="a"), await upload(either, "1", call="b", body=OTHER_AUDIO)
    assert one != two
    assert [await upload(either, "1", call="a"), await upload(either, "1", call="b", body=OTHER_AUDIO)] == [
        one,
        two,
    ]
    for call, body in (("a", OTHER_AUDIO), ("b", AUDIO)):
        with pytest.raises(Refused) as caught:
            await upload(either, "1", call=call, body=body)
        assert caught.value.reasons == ("other_bytes",)


async def test_a_failed_recording_that_is_announced_again_starts_over(either: House):
    """Under its id, with the URL of the newer announcement, and its history says so."""
    recording_id = await failed(either)
    receipt = await either.announce(url=OTHER_URL)
    assert (receipt.status, receipt.recording_id) == ("accepted", recording_id)
    assert await either.settle(recording_id) is State.AVAILABLE
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert (await either.events(recording_id))[:3] == [
        "recording.failed", "recording.sent_again", "recording.available",
    ]  # fmt: skip
    assert (await either.announce(url=URL)).status == "duplicate"


async def test_what_a_list_still_names_does_not_start_over(either: House):
    """A provider lists a recording for hours after it failed here: only a webhook starts it over."""
    recording_id = await failed(either)
    connection = await either.database.read(lambda tx: tx.connections.get(either.connection_id))
    again = await either.vault.jobs.reconcile.announce(
        connection,
        facts=CallFacts(call_ref="call-1"),
        announcement=Announcement(recording_ref="rec-1", url=OTHER_URL),
        received_at=datetime.now(UTC),
        arrival="reconcile",
    )
    assert (again.recording_id, again.created, again.renewed) == (recording_id, False, False)
    assert await either.state(recording_id) is State.FAILED


async def test_a_waiting_recording_takes_the_newer_url_at_once(either: House):
    """Without its backoff; the same URL again is a duplicate, and changes nothing."""
    recording_id = (await either.announce()).recording_id
    either.fetcher.serve(URL, Media(refuse=NOT_YET))
    await either.vault.jobs.ingest()
    assert await either.state(recording_id) is State.RETRY_WAIT
    assert (await either.announce()).status == "duplicate"
    either.fetcher.serve(URL, Media(refuse=NOT_YET))
    assert (await either.announce(url=OTHER_URL)).status == "accepted"
    await either.vault.jobs.ingest()
    assert await either.state(recording_id) is State.AVAILABLE
    assert (await either.row(recording_id)).reasons == ()


@pytest.mark.parametrize("bad", [NO_AUDIO, None])
@pytest.mark.parametrize("stored_first", [False, True])
async def test_a_newer_url_outlives_the_attempt_that_fails(
    either: House, bad: bytes | None, stored_first: bool
):
    """Announced again during the transfer: what comes of the older URL may fail, then the newer one is fetched."""
    if stored_first:
        either.step_by_step()
    recording_id = (await either.announce()).recording_id
    hang = asyncio.Event()
    media = Media(body=bad, hang=hang) if bad else Media(body=AUDIO, hang=hang, fail_at=10)
    fetching = await either.fetching()
    either.fetcher.media[URL].body, either.fetcher.media[URL].fail_at = media.body, media.fail_at
    older = either.fetcher.media[URL].hang
    receipt = await either.announce(url=OTHER_URL, body=OTHER_AUDIO)
    assert (receipt.status, receipt.recording_id) == ("accepted", recording_id)
    older.set()
    await fetching
    assert await either.settle(recording_id) is State.AVAILABLE
    assert await either.heard(recording_id) == OTHER_AUDIO


async def test_a_newer_url_that_fails_too_ends_it(either: House):
    """The mark of a newer URL is used up by its own attempt: nothing goes round for ever."""
    either.step_by_step()
    recording_id = (await either.announce()).recording_id
    either.fetcher.serve(URL, Media(refuse=NOT_YET))
    await either.vault.jobs.ingest()
    await either.announce(url=OTHER_URL, body=NO_AUDIO)
    assert await either.settle(recording_id, rounds=5) is State.FAILED


@pytest.mark.parametrize("then", ["refused", "erased"])
async def test_what_is_closed_stays_closed(either: House, then: str):
    """A tombstone is not announced away, nor uploaded over, and the answer says which it is."""
    recording_id = (await either.announce()).recording_id
    if then == "refused":
        await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, **ME)
        await either.vault.accounts.switch.set(either.account.id, enabled=True, reason=None, **ME)
    else:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, ground=None, **ME)
    receipt = await either.announce(url=OTHER_URL)
    assert (receipt.status, receipt.recording_id) == (then, recording_id)
    with pytest.raises((Refused, RecordingErased)):
        await upload(either)
    assert await count(either) == 1


@pytest.mark.parametrize("state", [State.RECEIVED, State.RETRY_WAIT, State.FAILED])
async def test_an_upload_over_what_a_webhook_could_not_bring_is_the_same_recording(
    either: House, state: State
):
    """It has the id of the announced one, and its own retry finds it."""
    recording_id = (await either.announce()).recording_id
    if state is not State.RECEIVED:
        either.fetcher.serve(URL, Media(refuse=NOT_YET if state is State.RETRY_WAIT else GONE_FOR_GOOD))
        await either.vault.jobs.ingest()
    assert await either.state(recording_id) is state
    assert await upload(either, body=OTHER_AUDIO) == recording_id
    assert await either.settle(recording_id) is State.AVAILABLE
    assert await either.heard(recording_id) == OTHER_AUDIO
    assert await upload(either, body=OTHER_AUDIO) == recording_id
    with pytest.raises(Refused):
        await upload(either, body=AUDIO)
    assert await count(either) == 1


async def cut_off(house: House) -> None:
    """Begin an upload whose client goes away."""

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await house.vault.ingest.uploads.store(house.account.id, "call-1", "rec-1", half(), **ME)


async def test_an_upload_that_is_cut_off_leaves_the_url(either: House):
    """The webhook was acknowledged: its URL is fetched where no upload came to its end."""
    recording_id = (await either.announce()).recording_id
    await cut_off(either)
    assert await either.settle(recording_id) is State.AVAILABLE


async def test_an_upload_that_is_no_audio_leaves_the_url(either: House):
    """What was uploaded over it cannot be decoded; the URL that was announced is fetched then."""
    recording_id = (await either.announce()).recording_id
    await upload(either, body=NO_AUDIO)
    assert await either.settle(recording_id) is State.AVAILABLE
    assert await either.heard(recording_id) == AUDIO


async def test_an_upload_over_a_failed_one_that_is_cut_off_fails_again(either: House):
    """It has no URL any more, so it waits for its client as every upload does, and can be announced again."""
    recording_id = await failed(either)
    await cut_off(either)
    assert await either.state(recording_id) is State.RETRY_WAIT
    await either.hurry(recording_id)
    await either.vault.jobs.settle_idle_uploads()
    assert await either.state(recording_id) is State.FAILED
    assert (await either.announce()).status == "accepted"
    assert await either.settle(recording_id) is State.AVAILABLE


async def test_an_announcement_during_an_upload_is_kept(either: House):
    """The upload is cut off: the URL that came meanwhile is fetched."""
    recording_id = await failed(either)

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        assert (await either.announce(url=OTHER_URL)).status == "accepted"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await either.vault.ingest.uploads.store(either.account.id, "call-1", "rec-1", half(), **ME)
    assert await either.settle(recording_id) is State.AVAILABLE


async def test_voices_are_added_to_the_same_bytes(either: House):
    """Once: other voices are refused, and the manifest has them."""

    async def again(*voices: str) -> Recording:
        blocks = blocks_of(AUDIO)
        row, _ = await either.vault.ingest.uploads.store(
            either.account.id, "call-1", "rec-1", blocks, voices=voices, **ME
        )
        return row

    recording_id = await upload(either)
    assert await either.settle(recording_id) is State.AVAILABLE
    assert (await again("caller")).voices == ("caller",)
    assert (await again("caller")).voices == (await again()).voices == ("caller",)
    with pytest.raises(Refused) as caught:
        await again("callee")
    assert caught.value.reasons == ("other_voices",)
    assert (await either.row(recording_id)).voices == ("caller",)
    await either.vault.jobs.write_manifests()
    manifest = either.objects.objects[f"manifests/{either.account.id}/{recording_id}.json"].body
    assert b'"caller"' in manifest
