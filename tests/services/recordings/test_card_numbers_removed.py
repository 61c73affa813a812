"""Where a policy removes card numbers, nobody can hear one that was keyed: it is gone before the gate, or waits."""

from dataclasses import replace
from typing import Any

import pytest

from tests.services.recordings.test_card_data import CALL, RATE, proposals, service
from tests.services.recordings.test_pause_in_audio import PAUSED, SECONDS
from tests.services.recordings.test_pause_in_audio import arrived as paused
from tests.services.recordings.test_redact import keys_of
from tests.support import corpus
from tests.support.keyed import CARD, call, keyed
from tests.support.mortal import Killed, Life, Mortal
from tests.support.parties import ME, set_policy
from tests.support.retention import place
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.recordings.redaction import SpanMeasures
from vault.domain.stored.manifest import decode_manifest
from vault.errors import Refused, Unavailable
from vault.services.audit_log.access_log import EventFilter
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording

BODY = corpus.wav(CALL)
#: The same without the other digits.
SHORT = call((4.0, keyed(CARD)), seconds=9, channels=2)
#: What is silent of the call: the card number, from second 4 to 7.1, and half a second on both sides.
FIRST, END = int(3.6 * RATE), int(7.4 * RATE)


async def arrived(house: House, ref: str = "rec-1", *, body: bytes = BODY) -> str:
    """Return a recording that arrived under the policy, after its gate."""
    await service(house).set_policy(house.account.id, "redact", actor="key_officer")
    receipt = await house.announce(ref, body=body)
    await worked(house)
    return receipt.recording_id


async def worked(house: House) -> None:
    """Run the steps of the worker."""
    while await house.vault.jobs.ingest() or await house.vault.jobs.describe():
        pass


async def said(house: House, recording_id: str) -> list[dict[str, Any]]:
    """Return what the evidence says, entry by entry."""
    ring = house.vault.recordings.recordings.ring
    opened = await open_recording(ring, await house.row(recording_id), await keys_of(house, recording_id))
    rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    return [open_entry(opened, row).content for row in rows]


def is_clean(heard: bytes) -> bool:
    """Return whether the card number is silence, and the other digits are as they came."""
    samples = corpus.decode(heard).reshape(-1, 2)
    apart = int(0.5 * RATE)
    outside = [slice(0, FIRST - apart), slice(END + apart, len(samples))]
    came = CALL if len(samples) == len(CALL) else SHORT
    return not samples[FIRST:END].any() and all((samples[one] == came[one]).all() for one in outside)


@pytest.mark.parametrize("stored_first", [False, True], ids=["one transaction", "stored before"])
async def test_a_card_number_is_gone_before_anybody_hears_it(either: House, stored_first: bool):
    """Available without it; evidence and log have the act of the policy; no object or key of the old audio is left."""
    if stored_first:
        either.step_by_step()
    recording_id = await arrived(either)
    assert await either.state(recording_id) is State.AVAILABLE
    assert is_clean(await either.heard(recording_id))
    row = await either.row(recording_id)
    assert either.audio_objects() == sorted(row.locations)
    entries = await said(either, recording_id)
    assert [entry["kind"] for entry in entries] == ["redaction", "gate"]
    removal = entries[0]
    assert (removal["by"], removal["reason"]) == ("worker", "card_data_policy")
    assert (removal["detector"], removal["policy"]["set_by"]) == ("keyed-digits/1", "key_officer")
    await either.vault.jobs.log_publisher.sequence()
    page = await either.vault.audit_log.access_log.list_events(
        either.account.id, EventFilter(recording_id=recording_id), start=0, limit=50
    )
    events = {one.event.type: one.event for one, _ in page.items}
    redacted = events["recording.redacted"]
    assert (redacted.actor, redacted.result) == ("worker", "on_arrival")
    heads = [
        one.digest for one in await either.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    ]
    assert redacted.evidence == heads[0]
    assert [one.digits.kind for one in await proposals(either)] == ["digits"]


async def test_the_first_manifest_opens_the_new_audio(house: House):
    """With the key of it, so that a restore has the audio without the card number."""
    recording_id = await arrived(house)
    stored = house.objects.objects[f"manifests/{house.account.id}/{recording_id}.json"].body
    manifest = decode_manifest(stored)
    ring = house.vault.recordings.recordings.ring
    opened = await open_recording(ring, manifest.recording, manifest.keys)
    assert opened.recording.audio == (await house.row(recording_id)).audio
    assert opened.details().sha256.hex() == (await said(house, recording_id))[0]["new_sha256"]
    assert opened.waveform() is not None


async def test_only_where_the_account_wants_it(house: House):
    """A policy that proposes lets it be heard."""
    await service(house).set_policy(house.account.id, "propose", **ME)
    receipt = await house.announce(body=BODY)
    await worked(house)
    assert await house.heard(receipt.recording_id) == BODY
    assert sorted(one.digits.kind for one in await proposals(house)) == ["card_number", "digits"]


async def test_the_providers_copy_goes_too(house: House):
    """Also where the connection would keep it: it has the card number."""
    house.step_by_step()
    await service(house).set_policy(house.account.id, "redact", **ME)
    receipt = await house.announce(body=BODY)
    assert await house.vault.jobs.ingest()
    await house.set(receipt.recording_id, source_ref="RE1")
    assert (await house.row(receipt.recording_id)).source_policy == "keep"
    await worked(house)
    assert (await house.row(receipt.recording_id)).source_policy == "always"


async def test_a_hold_keeps_the_audio_that_arrived_out_of_reach(either: House):
    """Nothing is removed: it waits in quarantine with its proposals, and nothing of the new audio is left."""
    await place(either, everything=True)
    recording_id = await arrived(either)
    row = await either.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.QUARANTINED, "card_number_left")
    waiting = await proposals(either)
    assert sorted((one.digits.kind, one.in_quarantine) for one in waiting) == [
        ("card_number", True),
        ("digits", True),
    ]
    with pytest.raises(Refused):
        await service(either).accept(either.account.id, recording_id, waiting[0].id, reason="r", **ME)
    assert either.audio_objects() == sorted(row.locations)
    assert "recording.redacted" not in await either.events(recording_id)
    assert [entry["kind"] for entry in await said(either, recording_id)] == ["gate"]
    await either.vault.recordings.quarantine.release(either.account.id, recording_id, reason="r", **ME)
    assert await either.heard(recording_id) == BODY
    released = await proposals(either)
    assert sorted(one.digits.kind for one in released) == ["card_number", "digits"]
    assert not any(one.in_quarantine for one in released)


async def test_what_cannot_be_proved_waits_for_a_person(house: House, monkeypatch: pytest.MonkeyPatch):
    """A result that has other samples changes nothing, and is heard by nobody before a person decides."""
    real = house.describer.measure

    async def wrong(*args: Any, **named: Any) -> SpanMeasures:
        return replace(await real(*args, **named), loudest=9)

    monkeypatch.setattr(house.describer, "measure", wrong)
    recording_id = await arrived(house)
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.QUARANTINED, "card_number_left")
    assert len(await proposals(house)) == 2
    await house.vault.recordings.quarantine.refuse(house.account.id, recording_id, reason="r", **ME)
    assert await proposals(house) == []
    assert house.audio_objects() == sorted(row.locations)


async def test_evidence_that_is_missing_is_another_question(house: House):
    """Without the card number it waits for evidence of consent, and then for nothing else."""
    await set_policy(house)
    recording_id = await arrived(house)
    row = await house.row(recording_id)
    assert row.state is State.QUARANTINED
    assert "card_number_left" not in {reason.code for reason in row.reasons}
    await house.vault.recordings.quarantine.release(house.account.id, recording_id, reason="r", **ME)
    assert is_clean(await house.heard(recording_id))
    while await house.vault.jobs.write_manifests():
        pass
    assert (await house.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_a_removal_is_no_pause(house: House):
    """A card number that is keyed during a pause was recorded: its removal is not the silence that a pause leaves."""
    slow = keyed(CARD, pause=1.2)
    await service(house).set_policy(house.account.id, "redact", **ME)
    recording_id = await paused(house, corpus.wav(call((PAUSED[0] - 1.0, slow), seconds=SECONDS)))
    assert (await house.row(recording_id)).reasons[0].code == "pause_not_seen"
    kinds = [entry["kind"] for entry in await said(house, recording_id)]
    assert kinds == ["pause", "redaction", "gate"]


@pytest.mark.parametrize("stored_first", [False, True], ids=["one transaction", "stored before"])
async def test_killed_anywhere_nobody_hears_it(either: House, stored_first: bool):
    """Before and after every call; then another worker goes on, and the sweep leaves what the row names."""
    steps = 0
    if stored_first:
        either.step_by_step()
    whole = either.vault
    while True:
        life = Life(steps)
        mortal_objects, mortal_database = (
            Mortal(one, life) for one in (whole.jobs.ingest.admit.objects, whole.jobs.ingest.admit.database)
        )
        admit = whole.jobs.ingest.admit
        describe = replace(admit.describe, objects=mortal_objects)
        remove = replace(admit.without_cards.remove, objects=mortal_objects, describe=describe)
        mortal = replace(
            admit,
            objects=mortal_objects,
            database=mortal_database,
            describe=describe,
            without_cards=replace(admit.without_cards, database=mortal_database, remove=remove),
        )
        either.with_jobs(
            ingest=replace(whole.jobs.ingest, admit=mortal),
            describe=replace(whole.jobs.describe, admit=mortal),
        )
        try:
            recording_id = await arrived(either, f"rec-{steps}", body=corpus.wav(SHORT))
        except (Killed, Unavailable):
            recording_id = await newest(either)
        either.vault = whole
        row = await either.row(recording_id)
        if row.state is State.AVAILABLE:
            assert is_clean(await either.heard(recording_id))
        assert await either.settle(recording_id) is State.AVAILABLE
        assert is_clean(await either.heard(recording_id))
        await either.hurry(recording_id)
        await either.sweep(scan=False)
        named = (await either.row(recording_id)).locations
        assert [key for key in either.audio_objects() if f"/{recording_id}/" in key] == sorted(named)
        if not life.dead:
            break
        steps += 1
    assert steps > 10


async def newest(house: House) -> str:
    """Return the recording that arrived last."""
    found = await house.vault.recordings.recordings.database.read(
        lambda tx: tx.connection.exec_driver_sql(
            "SELECT id FROM recordings ORDER BY received_at DESC, id DESC LIMIT 1"
        ).scalar()
    )
    return str(found)
