"""What is sealed of one recording in the place of another's, and chains with a link missing: all Tampered."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, select, update

from tests.support.parties import (
    ME,
    announced,
    evidence,
    kept_apart,
    let_in,
    set_policy,
    tell,
    through_the_gate,
)
from tests.support.service_house import House
from vault.database.schema.consent import evidence_entries
from vault.database.schema.core import recordings
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import decode_manifest, encode_manifest, location_of
from vault.errors import NotFound, RecordingErased, Refused, Tampered

pytestmark = pytest.mark.faults

AUDIO_COLUMNS = ("audio_location", "audio_header", "audio_size")


async def swap(house: House, one: str, other: str, *columns: str) -> None:
    """Exchange columns of two recordings' rows."""
    chosen = [recordings.c[name] for name in columns]
    if not chosen:
        return

    def exchange(tx) -> None:
        rows = {
            id_: tx.connection.execute(select(*chosen).where(recordings.c.id == id_)).one()._mapping
            for id_ in (one, other)
        }
        for to, come_from in ((one, other), (other, one)):
            wanted = recordings.c.id == to
            tx.connection.execute(update(recordings).where(wanted).values(dict(rows[come_from])))

    await house.database.write(exchange)


async def put_entry(house: House, come_from: tuple[str, int], to: tuple[str, int]) -> None:
    """Put one sealed entry of evidence in the place of another."""
    e = evidence_entries.c

    def put(tx) -> None:
        chosen = select(e.sealed_entry, e.digest).where(
            e.recording_id == come_from[0], e.position == come_from[1]
        )
        row = dict(tx.connection.execute(chosen).one()._mapping)
        wanted = (e.recording_id == to[0]) & (e.position == to[1])
        tx.connection.execute(update(evidence_entries).where(wanted).values(row))

    await house.database.write(put)


async def two(house: House) -> tuple[str, str]:
    """Return two available recordings of one call, with two entries of evidence each."""
    await set_policy(house)
    first, second = await let_in(house, "one"), await let_in(house, "two")
    await tell(house, "accepted")
    return first, second


@pytest.mark.parametrize(
    "columns",
    [("sealed_details",), ("evidence",), ("wrapped_key",), ("sealed_details", "evidence")],
    ids=" and ".join,
)
async def test_evidence_of_another_recording_is_refused(house: House, columns):
    """Details, the digest that they are bound to, and the key that opens them: each is one recording's own."""
    first, second = await two(house)
    await swap(house, first, second, *columns)
    for recording_id in (first, second):
        with pytest.raises(Tampered):
            await evidence(house, recording_id)


@pytest.mark.parametrize(
    "columns",
    [AUDIO_COLUMNS, (*AUDIO_COLUMNS, "evidence"), (*AUDIO_COLUMNS, "wrapped_key", "evidence")],
    ids=["audio", "audio and digest", "audio, digest and key"],
)
async def test_audio_of_another_recording_is_refused(house: House, columns):
    """Not a byte of it is heard, though both are the account's own and of one call."""
    first, second = await two(house)
    assert await house.heard(first) == await house.heard(second)
    await swap(house, first, second, *columns)
    for recording_id in (first, second):
        with pytest.raises(Tampered):
            await house.heard(recording_id)


async def swap_waveforms(house: House, one: str, other: str) -> None:
    """Exchange the waveforms in two recordings' manifests."""
    at = {id_: location_of(house.account.id, id_) for id_ in (one, other)}
    manifests = {id_: decode_manifest(await house.objects.get(at[id_])) for id_ in at}
    for to, come_from in ((one, other), (other, one)):
        old = manifests[to]
        keys = replace(old.keys, waveform=manifests[come_from].keys.waveform)
        await house.objects.replace(at[to], encode_manifest(old.recording, keys, old.chain))


@pytest.mark.parametrize("columns", [(), ("evidence",)], ids=["waveform", "waveform and evidence"])
async def test_a_waveform_of_another_recording_is_refused(house: House, columns):
    """It is bound to its recording, as the audio is."""
    first, second = await two(house)
    await swap_waveforms(house, first, second)
    await swap(house, first, second, *columns)
    for recording_id in (first, second):
        with pytest.raises(Tampered):
            await house.vault.playback.player.waveform(house.account.id, recording_id, **ME)


@pytest.mark.parametrize(
    "columns", [("sealed_details",), ("evidence",), AUDIO_COLUMNS], ids=["details", "digest", "audio"]
)
async def test_what_is_stored_is_not_let_in_with_another_ones_parts(house: House, columns):
    """The gate reads back what is to be let in, under its own evidence."""
    house.step_by_step()
    await set_policy(house)
    await tell(house, "announced")
    first, second = await announced(house, "one"), await announced(house, "two")
    await house.vault.jobs.ingest()
    await house.vault.jobs.ingest()
    await swap(house, first, second, *columns)
    for recording_id in (first, second):
        assert await through_the_gate(house, recording_id) is not State.AVAILABLE


@pytest.mark.parametrize("column", ["sealed_details", "evidence", "wrapped_key"])
async def test_what_waits_is_not_released_with_another_ones_parts(house: House, column: str):
    """Nothing is decided by the evidence of another call."""
    await set_policy(house)
    first = await kept_apart(house, "one")
    second = await kept_apart(house, "two", call_ref="call-2")
    await swap(house, first, second, column)
    for recording_id in (first, second):
        with pytest.raises(Tampered):
            await house.vault.recordings.quarantine.release(
                house.account.id, recording_id, reason="a reason", **ME
            )
        assert await house.state(recording_id) is State.QUARANTINED


@pytest.mark.parametrize("damage", ["of another", "in another order", "twice", "left out", "cut short"])
async def test_a_chain_with_a_wrong_link_is_refused(house: House, damage: str):
    """Entries are bound to their recording, and each to the one before it."""
    first, second = await two(house)
    await tell(house, "accepted")
    e = evidence_entries.c
    if damage == "of another":
        await put_entry(house, (second, 2), (first, 2))
    elif damage == "in another order":
        await put_entry(house, (first, 3), (second, 3))
        await put_entry(house, (first, 2), (first, 3))
        await put_entry(house, (second, 3), (first, 2))
    elif damage == "twice":
        await put_entry(house, (first, 2), (first, 3))
    elif damage == "left out":
        gone = (e.recording_id == first) & (e.position == 2)
        await house.database.write(
            lambda tx: tx.connection.execute(delete(evidence_entries).where(gone)) and None
        )
    else:
        wanted = (e.recording_id == first) & (e.position == 2)
        cut = update(evidence_entries).where(wanted).values(sealed_entry=b"\x02")
        await house.database.write(lambda tx: tx.connection.execute(cut) and None)
    with pytest.raises(Tampered):
        await evidence(house, first)


@pytest.mark.parametrize("state", ["received", "refused", "failed", "erasing", "erased", "unknown"])
async def test_what_is_not_sealed_has_no_evidence(house: House, state: str):
    """Before sealing there is none, and a refusal, a failure or an erasure leaves none."""
    await set_policy(house)
    recording_id = "rec_0"
    if state == "received":
        recording_id = await announced(house)
    elif state == "failed":
        recording_id = await announced(house, body=b"no audio")
        await through_the_gate(house, recording_id)
    elif state != "unknown":
        recording_id = await kept_apart(house)
    if state == "refused":
        await tell(house, "declined")
    elif state.startswith("eras"):
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
        if state == "erased":
            await house.settle(recording_id)
    if state != "unknown":
        assert str(await house.state(recording_id)) == state
    rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    assert rows == []
    errors = {"erased": RecordingErased, "unknown": NotFound}
    with pytest.raises(errors.get(state, Refused)):
        await evidence(house, recording_id)
    assert "evidence.read" not in await house.events(None if state == "unknown" else recording_id)


async def test_reading_evidence_is_on_record(house: House):
    """It tells of people, so each look at it is an access, no matter who looks."""
    first, _ = await two(house)
    before = (await house.events(first)).count("evidence.read")
    await evidence(house, first)
    assert (await house.events(first)).count("evidence.read") == before + 1
