"""The queue, the same on SQLite and PostgreSQL: arrows, claims, leases, and what the switch refuses."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.counts import count
from tests.support.database_rows import (
    NOW,
    OFF,
    TO_TRANSFER,
    announcement,
    available,
    begin_erasing,
    claim,
    columns,
    move,
    open_account,
    set_columns,
    store,
    upload,
)
from vault.database.interface import Database
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.reason import Reason
from vault.domain.recordings.recording import IN_FLIGHT, LEASE, Lease, SealedObject, State
from vault.domain.recordings.transitions import ARROWS
from vault.errors import Busy, LeaseLost, NotFound, RecordingErased

NEVER = timedelta(seconds=-1)
SECRETS = ("wrapped_key", "key_version", "sealed_details", "sealed_waveform", "sealed_announcement")


async def in_state(database: Database, state: State, ref: str = "ref") -> Lease:
    """Put a new row into a state, held under a lease."""
    new = announcement(ref)
    await database.announce(new)
    until = await database.read(lambda tx: tx.now() + LEASE)
    secrets = {"wrapped_key": b"key", "key_version": 1, "sealed_details": b"d", "sealed_waveform": b"w"}
    place = {"audio_location": "a", "audio_header": b"h", "audio_size": 9, "rendition_location": "r"}
    held = {"state": str(state), "lease_token": "token", "lease_until": until}
    await set_columns(database, new.id, **held, **secrets, **place)
    recording = await database.read(lambda tx: tx.recordings.get("acct_a", new.id))
    return Lease(recording=recording, token="token")


async def test_every_arrow_and_no_other(database: Database):
    """A held row moves along each arrow of the domain; any other leaves it as it was."""
    await open_account(database)
    for number, (start, end) in enumerate(itertools.product(State, State)):
        held = await in_state(database, start, f"ref-{number}")
        if end in ARROWS[start]:
            moved = await database.write(lambda tx, held=held, end=end: move(tx, held, end))
            assert moved.state is end
        else:
            with pytest.raises(ValueError, match="no transition"):
                await database.write(lambda tx, held=held, end=end: move(tx, held, end))
        row = await columns(database, held.recording.id)
        moved_on = end in ARROWS[start]
        assert (row["state"], row["lease_token"]) == ((end, None) if moved_on else (start, "token"))
        gone = moved_on and end in {State.REFUSED, State.FAILED, State.ERASING}
        assert all((row[name] is None) == gone for name in SECRETS)


async def test_a_zombie_changes_nothing(database: Database):
    """A worker whose lease another took can neither renew, move nor put back, and its row is untouched."""
    await open_account(database)
    await database.announce(announcement("ref"))
    zombie = await claim(database, lease=NEVER)
    living = await claim(database)
    assert living.recording.id == zombie.recording.id
    assert (zombie.recording.attempts, living.recording.attempts) == (1, 2)
    before = await columns(database, living.recording.id)
    for late in (
        lambda tx: tx.queue.renew(zombie.recording.id, zombie.token, lease=LEASE),
        lambda tx: move(tx, zombie, State.STORED, wrapped_key=b"zombie"),
        lambda tx: tx.queue.put_back(zombie, not_before=NOW),
    ):
        with pytest.raises(LeaseLost):
            await database.write(late)
    assert await columns(database, living.recording.id) == before
    await database.write(lambda tx: tx.queue.renew(living.recording.id, living.token, lease=LEASE * 2))
    assert (await columns(database, living.recording.id))["lease_until"] > before["lease_until"]


async def test_a_move_needs_the_state_as_well_as_the_token(database: Database):
    """The right token does not help a worker that saw another state."""
    await open_account(database)
    held = await in_state(database, State.STORED)
    stale = replace(held, recording=replace(held.recording, state=State.TRANSFERRING))
    with pytest.raises(LeaseLost):
        await database.write(lambda tx: move(tx, stale, State.STORED))


async def test_claims_take_what_waited_longest_and_is_due(database: Database):
    """Within an account the oldest goes first; what waits for later or for a client is left alone."""
    await open_account(database)
    for minute in (3, 1, 2):
        await database.announce(announcement(f"ref-{minute}", received_at=NOW + timedelta(minutes=minute)))
    later = announcement("later")
    await database.announce(later)
    future = await database.read(lambda tx: tx.now() + timedelta(hours=1))
    await set_columns(database, later.id, not_before=future)
    client = upload("sent", received_at=NOW - timedelta(days=1))
    await database.write(
        lambda tx: tx.recordings.insert_upload(client, state=State.RECEIVED, reasons=(), epoch=0)
    )
    taken = [(await claim(database)).recording.recording_ref for _ in range(3)]
    assert taken == ["ref-1", "ref-2", "ref-3"]
    assert await database.claim(TO_TRANSFER, lease=LEASE, likely=True) is None
    assert await database.claim((State.STORED,), lease=LEASE, likely=True) is None


async def test_put_back_waits_in_the_state_it_was_in(database: Database):
    """A stored row that cannot be gated yet stays stored, and comes again when its time has come."""
    await open_account(database)
    await database.announce(announcement("ref"))
    await store(database)
    held = await claim(database, (State.STORED,))
    future = await database.read(lambda tx: tx.now() + timedelta(hours=1))
    await database.write(lambda tx: tx.queue.put_back(held, not_before=future))
    assert await database.claim((State.STORED,), lease=LEASE, likely=True) is None
    await set_columns(database, held.recording.id, not_before=NOW)
    again = await claim(database, (State.STORED,))
    assert (again.recording.id, again.recording.state) == (held.recording.id, State.STORED)


@pytest.mark.parametrize("workers", [1, 4])
async def test_a_backlog_keeps_no_other_account_waiting(database: Database, workers: int):
    """Behind 300 older rows of one account, another's two rows are claimed among the first 40."""
    for account_id in ("acct_a", "acct_b"):
        await open_account(database, account_id)
    backlog = [announcement(f"ref-{n}", received_at=NOW - timedelta(days=1)) for n in range(300)]
    await asyncio.gather(*(database.announce(new) for new in backlog))
    for number in range(2):
        await database.announce(announcement(f"ref-{number}", "acct_b"))
    held: list[Lease] = []
    order: list[str] = []
    for _ in range(40):
        held.append(await claim(database))
        order.append(held[-1].recording.account_id)
        if len(held) == workers:
            done = held.pop(0)
            await database.write(lambda tx, done=done: move(tx, done, State.FAILED))
    assert Counter(order)["acct_b"] == 2
    if workers > 1:
        assert order.index("acct_b") <= 1


async def test_concurrent_claims_never_share_a_row(database: Database):
    """Forty claims concurrently over thirty rows give thirty different rows and ten times nothing."""
    await open_account(database)
    await asyncio.gather(*(database.announce(announcement(f"ref-{n}")) for n in range(30)))
    claims = [database.claim(TO_TRANSFER, lease=LEASE, likely=True) for _ in range(40)]
    held = [one for one in await asyncio.gather(*claims) if one is not None]
    late = [await database.claim(TO_TRANSFER, lease=LEASE, likely=True) for _ in range(30)]
    held += [one for one in late if one is not None]
    assert len(held) == len({one.recording.id for one in held}) == 30
    assert len({one.token for one in held}) == 30


async def test_an_upload_belongs_to_one_client_at_a_time(database: Database):
    """A second client hears nothing until the first one's lease is over; the worker never takes it."""
    await open_account(database)
    new = upload("sent")
    insert = [
        database.write(
            lambda tx, one=one: tx.recordings.insert_upload(one, state=State.RECEIVED, reasons=(), epoch=0)
        )
        for one in (new, upload("sent"))
    ]
    answers = await asyncio.gather(*insert, return_exceptions=True)
    assert sorted(map(type, answers), key=str) == sorted((type(None), Busy), key=str)
    row = await database.read(lambda tx: tx.recordings.by_ref("acct_a", None, "sent"))
    assert row.connection_id is None

    def take(lease=LEASE):
        return database.write(lambda tx: tx.queue.claim_upload(row.id, lease=lease))

    first, second = await asyncio.gather(take(), take())
    assert sorted([first is None, second is None]) == [False, True]
    assert await take() is None
    await set_columns(database, row.id, lease_until=NOW)
    assert await database.claim(TO_TRANSFER, lease=LEASE, likely=True) is None
    assert (await take()).recording.attempts == 2


@pytest.mark.parametrize("state", State)
async def test_erasing_shreds_from_any_state(database: Database, state: State):
    """The keys are gone immediately and the worker that held the row changes nothing any more."""
    await open_account(database)
    held = await in_state(database, state)

    def erase(account_id):
        return database.write(lambda tx: begin_erasing(tx, account_id, held.recording.id))

    with pytest.raises(NotFound):
        await erase("acct_b")
    if state in {State.ERASING, State.ERASED}:
        with pytest.raises(RecordingErased):
            await erase("acct_a")
        return
    assert (await erase("acct_a")).state is State.ERASING
    row = await columns(database, held.recording.id)
    assert all(row[name] is None for name in (*SECRETS, "lease_token", "lease_until"))
    assert (row["audio_location"], row["attempts"], row["manifest_due"]) == ("a", 0, False)
    assert await database.read(lambda tx: tx.recordings.keys(held.recording.id)) is None
    for to in ARROWS[state] - {State.ERASING}:
        with pytest.raises(LeaseLost):
            await database.write(lambda tx, to=to: move(tx, held, to))
    assert (await claim(database, (State.ERASING,))).recording.id == held.recording.id


async def test_off_refuses_what_is_in_flight_and_nothing_else(database: Database):
    """Rows in flight lose their keys and leases; other states and other accounts are untouched."""
    await open_account(database)
    await open_account(database, "acct_b")
    held = {state: await in_state(database, state, f"ref-{state}") for state in State}
    other = announcement("ref", "acct_b")
    await database.announce(other)
    before = {state: await columns(database, held[state].recording.id) for state in State}
    refused = await database.write(lambda tx: RecordingStates(tx.connection).refuse_in_flight("acct_a", OFF))
    assert set(refused) == {held[state].recording.id for state in IN_FLIGHT}
    for state in State:
        row = await columns(database, held[state].recording.id)
        if state not in IN_FLIGHT:
            assert row == before[state]
            continue
        assert row["state"] == State.REFUSED
        assert all(row[name] is None for name in (*SECRETS, "lease_token", "audio_location"))
        recording = await database.read(lambda tx, i=row["id"]: tx.recordings.get("acct_a", i))
        assert recording.reasons == (OFF,)
        with pytest.raises(LeaseLost):
            await database.write(
                lambda tx, s=state: tx.queue.renew(held[s].recording.id, "token", lease=LEASE)
            )
    assert (await columns(database, other.id))["state"] == State.RECEIVED


@pytest.mark.parametrize("state", State)
async def test_the_sweep_keeps_what_a_row_names_or_a_worker_may_write(database: Database, state: State):
    """A named object is wanted unless its row is refused, failed or erased; any, while a lease runs."""
    await open_account(database)
    held = await in_state(database, state)

    def wants(location):
        return database.read(lambda tx: tx.queue.wants_object(held.recording.id, location))

    named = state not in {State.REFUSED, State.FAILED, State.ERASED}
    assert [await wants(at) for at in ("a", "r", "x")] == [named, named, True]
    await set_columns(database, held.recording.id, lease_until=NOW)
    assert [await wants(at) for at in ("a", "r", "x")] == [named, named, False]
    assert not await database.read(lambda tx: tx.queue.wants_object("rec_unknown", "a"))


async def test_moving_sets_nouns_and_manifests_come_due(database: Database):
    """What a move sets is read back as nouns; the manifest is due once the recording is available."""
    await open_account(database)
    recording = await available(database)
    assert recording.audio == SealedObject(location=recording.audio.location, header=b"header", size=100)
    assert (recording.duration, recording.available_at, recording.rendition) == (12.5, NOW, None)
    keys = await database.read(lambda tx: tx.recordings.keys(recording.id))
    assert (keys.wrapped_key, keys.key_version, keys.evidence, keys.details) == (
        b"key",
        1,
        "digest",
        b"details",
    )
    assert await database.read(lambda tx: tx.queue.manifests_due(9)) == [recording]
    await database.write(lambda tx: tx.queue.manifest_written(recording.id, 1))
    assert await database.read(lambda tx: tx.queue.manifests_due(9)) == []
    held = await in_state(database, State.QUARANTINED, "ref-2")
    why = (Reason(code="no_evidence", text="None was given.", source="policy"),)
    refused = await database.write(lambda tx: move(tx, held, State.REFUSED, reasons=why))
    assert refused.reasons == why


@pytest.mark.faults
async def test_an_erasure_wins_over_a_gate(database: Database):
    """An erasure and a gate that race end in erasing, and the gate either came first or lost its lease."""
    await open_account(database)
    for number in range(count("gates that race an erasure", small=20, full=200)):
        held = await in_state(database, State.STORED, f"ref-{number}")
        gate, erased = await asyncio.gather(
            database.write(lambda tx, h=held: move(tx, h, State.AVAILABLE)),
            database.write(lambda tx, h=held: begin_erasing(tx, "acct_a", h.recording.id)),
            return_exceptions=True,
        )
        assert isinstance(gate, LeaseLost) or gate.state is State.AVAILABLE
        assert erased.state is State.ERASING
        row = await columns(database, held.recording.id)
        assert (row["state"], row["wrapped_key"]) == (State.ERASING, None)
