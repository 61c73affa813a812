"""A name of a call is used once: by an upload or by a webhook of any connection, in every order and at once.

Two connections have separate names; what was refused or erased is closed at every door.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, URL, House, blocks_of
from tests.support.tenant import tone
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.transaction import Transaction
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import State
from vault.errors import FetchFailed, RecordingErased, Refused
from vault.services.accounts.connections import ConnectionRequest

ME = {"actor": "key_test"}
OTHER_URL, OTHER_AUDIO = "https://media.example/other.wav", tone(0.3)
DOORS = ("upload", "one", "two")
ROUNDS = 12
_WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.fixture
async def doors(either: House) -> dict[str, House]:
    """The house by each of its doors: ``two`` is a second connection with the same secret."""
    wish = ConnectionRequest(provider="platform", credentials={"secret": either.secret})
    connection, _, _ = await either.vault.accounts.connections.set(either.account.id, "two", wish, **ME)
    return {"upload": either, "one": either, "two": replace(either, connection_id=connection.id)}


async def come(doors: dict[str, House], door: str, call: str = "call-1") -> tuple[str, str | None]:
    """Bring a recording of this call, always of one name, in by a door; return what is answered, and its id."""
    house = doors[door]
    if door != "upload":
        receipt = await house.announce("1", call_ref=call)
        return receipt.status, receipt.recording_id
    try:
        row, is_new = await house.vault.ingest.uploads.store(
            house.account.id, call, "1", blocks_of(AUDIO), **ME
        )
    except RecordingErased:
        return "erased", None
    except Refused:
        return "refused", None
    return ("accepted" if is_new else "duplicate"), row.id


async def states(house: House, call: str = "call-1") -> list[State]:
    """Return the states of a call's recordings."""
    rows = await house.database.read(lambda tx: tx.recordings.of_call(house.account.id, call))
    return [row.state for row in rows]


async def _erase(house: House, recording_id: str) -> None:
    assert await house.settle(recording_id) is State.AVAILABLE
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, ground=None, **ME)


async def _erase_all(house: House, recording_id: str) -> None:
    await _erase(house, recording_id)
    assert await house.settle(recording_id) is State.ERASED


async def _refuse(house: House, recording_id: str) -> None:
    """Refuse it from quarantine, as an admin does, and let missing evidence count for nothing afterwards."""
    policy = ConsentPolicy(missing_evidence="quarantine")
    await house.vault.consent.policy.set(house.account.id, policy, if_version=None, **ME)
    await house.settle(recording_id, rounds=2)
    await house.vault.recordings.quarantine.refuse(house.account.id, recording_id, reason="not ours", **ME)
    policy = ConsentPolicy(missing_evidence="accept", reason="a test")
    await house.vault.consent.policy.set(house.account.id, policy, if_version=None, **ME)


async def _switch(house: House, _recording_id: str) -> None:
    for enabled in (False, True):
        await house.vault.accounts.switch.set(house.account.id, enabled=enabled, reason=None, **ME)


_ENDS = {
    "erasing": (_erase, "erased"), "erased": (_erase_all, "erased"), "refused": (_refuse, "refused"),
    "switched off": (_switch, "refused"),
}  # fmt: skip


@pytest.mark.parametrize("end", _ENDS)
@pytest.mark.parametrize("first", DOORS)
async def test_what_was_closed_is_closed_at_every_door(doors: dict[str, House], first: str, end: str):
    """It is answered as what it is, nothing is stored, and no facts are. Wrong: to look at the door's own names."""
    house, (close, answer) = doors["upload"], _ENDS[end]
    _, recording_id = await come(doors, first)
    assert recording_id is not None
    await close(house, recording_id)
    told = await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, "call-1"))
    for door in DOORS:
        status, known = await come(doors, door)
        assert (status, known) == (answer, None if door == "upload" else recording_id), door
        assert len(await states(house)) == 1
    if answer == "erased":
        said = {"from": "+14155550142", "to": "+14155550143"}
        # What another connection reports with its own name is of another recording.
        for door in [one for one in ("one", "two") if first in {one, "upload"}]:
            await doors[door].announce("1", **said)
        assert await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, "call-1")) == told
    assert (await come(doors, "two", "call-2"))[0] == "accepted"
    assert (await doors["two"].announce("2")).status == "accepted"


@pytest.mark.parametrize("first", DOORS)
@pytest.mark.parametrize("second", DOORS)
async def test_a_name_in_use_is_one_recording(doors: dict[str, House], first: str, second: str):
    """A repeat at the same door, and an upload and a webhook, are duplicates; two connections have separate names."""
    house = doors["upload"]
    _, one = await come(doors, first)
    assert await house.settle(one) is State.AVAILABLE
    status, two = await come(doors, second)
    if {first, second} == {"one", "two"}:
        assert status == "accepted"
        assert two != one
        assert await house.settle(two) is State.AVAILABLE
        with pytest.raises(Refused) as caught:
            await house.vault.ingest.uploads.store(house.account.id, "call-1", "1", blocks_of(AUDIO), **ME)
        assert caught.value.reasons == ("ambiguous_name",)
    else:
        assert (status, two) == ("duplicate", one)
        assert await states(house) == [State.AVAILABLE]
        assert await house.heard(one) == AUDIO


async def cut_off_during(house: House, url: str = OTHER_URL) -> str:
    """Begin an upload, announce its name meanwhile, and let the client go away; return the recording's id."""
    announced = []

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        announced.append(await house.announce("1", url=url, body=OTHER_AUDIO))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await house.vault.ingest.uploads.store(house.account.id, "call-1", "1", half(), **ME)
    (receipt,) = announced
    assert receipt.status == "accepted"
    return receipt.recording_id


async def test_an_upload_that_is_cut_off_leaves_the_url_that_came_meanwhile(doors: dict[str, House]):
    """The webhook was acknowledged. Wrong: a duplicate whose upload never ends."""
    house = doors["one"]
    recording_id = await cut_off_during(house)
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == OTHER_AUDIO
    assert await states(house) == [State.AVAILABLE]
    assert (await house.row(recording_id)).connection_id == house.connection_id
    with pytest.raises(Refused):
        await house.vault.ingest.uploads.store(house.account.id, "call-1", "1", blocks_of(AUDIO), **ME)


async def test_an_upload_that_ends_is_what_was_announced_meanwhile(doors: dict[str, House]):
    """Its bytes are the recording; nothing is fetched, and another connection finds nothing to bring."""
    house, receipts = doors["one"], []

    async def whole() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        receipts.append(await house.announce("1", url=OTHER_URL, body=OTHER_AUDIO))
        yield AUDIO[100:]

    row, is_new = await house.vault.ingest.uploads.store(house.account.id, "call-1", "1", whole(), **ME)
    assert is_new
    assert [receipt.recording_id for receipt in receipts] == [row.id]
    assert await house.settle(row.id) is State.AVAILABLE
    assert await house.heard(row.id) == AUDIO
    assert await come(doors, "upload") == ("duplicate", row.id)
    assert await come(doors, "one") == ("duplicate", row.id)
    assert await states(house) == [State.AVAILABLE]


async def test_an_upload_that_waits_takes_the_url_at_once(doors: dict[str, House]):
    """Its client went away, and a webhook announces its name: nobody waits for an hour."""
    house = doors["one"]

    async def half() -> AsyncIterator[bytes]:
        yield AUDIO[:100]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await house.vault.ingest.uploads.store(house.account.id, "call-1", "1", half(), **ME)
    receipt = await house.announce("1", url=OTHER_URL, body=OTHER_AUDIO)
    assert receipt.status == "accepted"
    assert await house.vault.jobs.ingest()
    assert await house.heard(receipt.recording_id) == OTHER_AUDIO
    assert await states(house) == [State.AVAILABLE]


async def test_a_webhook_brings_what_no_upload_could(doors: dict[str, House]):
    """The upload was no audio: the same recording starts over, as one of the connection."""
    house = doors["two"]
    row, _ = await house.vault.ingest.uploads.store(
        house.account.id, "call-1", "1", blocks_of(b"<html>"), **ME
    )
    assert await house.settle(row.id) is State.FAILED
    receipt = await house.announce("1", url=OTHER_URL, body=OTHER_AUDIO)
    assert (receipt.status, receipt.recording_id) == ("accepted", row.id)
    assert await house.settle(row.id) is State.AVAILABLE
    assert await house.heard(row.id) == OTHER_AUDIO
    assert (await house.row(row.id)).connection_id == house.connection_id


@pytest.mark.parametrize("way", ["one", "upload", "retry"])
async def test_what_failed_does_not_start_over_beside_an_erased_one(doors: dict[str, House], way: str):
    """Both connections announced the name while it was open; one recording is erased, and the other had failed."""
    house = doors["one"]
    failed = (await house.announce("1")).recording_id
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 410.", final=True)))
    assert await house.settle(failed) is State.FAILED
    other = (await doors["two"].announce("1", url=OTHER_URL)).recording_id
    assert other != failed
    await _erase_all(house, other)
    if way == "retry":
        house.fetcher.serve(URL, Media(body=AUDIO))
        with pytest.raises(RecordingErased):
            await house.vault.ingest.retry(house.account.id, failed, url=URL, **ME)
    else:
        assert (await come(doors, way))[0] == "erased"
    assert sorted(await states(house)) == [State.ERASED, State.FAILED]


async def test_an_upload_and_a_webhook_at_once_leave_one_recording(nodes: tuple[House, House]):
    """On two nodes, in every round. Wrong: to look for the name without the call's lock."""
    first, second = nodes
    for number in range(ROUNDS):
        call = f"call-{number}"
        answers = await asyncio.gather(
            first.announce("1", call_ref=call),
            second.vault.ingest.uploads.store(second.account.id, call, "1", blocks_of(AUDIO), **ME),
            second.announce("1", call_ref=call),
            return_exceptions=True,
        )
        assert len(await states(first, call)) == 1, answers


async def test_an_erasure_and_a_webhook_at_once_leave_nothing(nodes: tuple[House, House]):
    """Whichever is first, no recording of the name is left that can be played."""
    first, second = nodes
    for number in range(ROUNDS):
        call = f"call-{number}"
        row, _ = await first.vault.ingest.uploads.store(first.account.id, call, "1", blocks_of(AUDIO), **ME)
        assert await first.settle(row.id) is State.AVAILABLE
        receipt, _ = await asyncio.gather(
            second.announce("1", call_ref=call),
            first.vault.recordings.recordings.erase(first.account.id, row.id, ground=None, **ME),
        )
        assert receipt.status in {"duplicate", "erased"}
        assert (receipt.recording_id, len(await states(first, call))) == (row.id, 1)
        assert await first.settle(row.id) is State.ERASED


async def test_an_announcement_waits_for_the_calls_lock(either: House):
    """On PostgreSQL the lock orders the nodes of such a race. Wrong: to insert beside who holds it."""
    if not isinstance(either.database, PostgresqlDatabase):
        pytest.skip("SQLite has one writer")
    held, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(tx: Transaction) -> None:
        tx.lock_account_and_call(either.account.id, "call-1")
        loop.call_soon_threadsafe(held.set)
        go.wait(20)

    def waiting(tx: Transaction) -> bool:
        return bool(tx.connection.execute(_WAITING).scalar_one())

    holding = asyncio.create_task(either.database.write(hold))
    await held.wait()
    announcing = asyncio.create_task(either.announce("1"))
    while not (announcing.done() or await either.database.read(waiting)):
        await asyncio.sleep(0.01)
    assert not announcing.done()
    go.set()
    await holding
    assert (await announcing).status == "accepted"
