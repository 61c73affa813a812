"""Evidence: bound to everything that is sealed, grown by everything that comes, and in nobody else's place."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.describer import FakeDescriber
from tests.support.gates import with_gate_database
from tests.support.parties import (
    CALLER,
    ME,
    Interrupted,
    ago,
    announced,
    evidence,
    kept_apart,
    kinds,
    let_in,
    set_policy,
    tell,
    through_the_gate,
)
from tests.support.service_house import AUDIO, House, blocks_of
from tests.support.tenant import moment
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.sealing.header import parse_header
from vault.services.shared.sealed_audio import with_waveform


class Rendering(FakeDescriber):
    """A describer that makes a rendition, too."""

    async def describe(self, source, rendition, **given):
        """Describe, and write what browsers play."""
        described = await super().describe(source, rendition, **given)
        await rendition.write(b"what browsers play")
        return replace(described, rendition=True)


async def sealed_parts(house: House, recording_id: str) -> dict[str, bytes]:
    """Return the beginning of everything that is sealed of a recording, by what it is."""
    row = await house.row(recording_id)
    keys = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    entries = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    return {
        "audio": bytes(house.objects.objects[row.audio.location].body),
        "rendition": bytes(house.objects.objects[row.rendition.location].body),
        "details": keys.details,
        "waveform": (await with_waveform(house.objects, row, keys)).waveform,
        "evidence": entries[0].sealed_entry,
    }


async def test_everything_that_is_sealed_is_bound_to_the_evidence(house: House):
    """Its digest stands in the encryption context of audio, rendition, details, waveform and entries."""
    await set_policy(house)
    admit = house.vault.jobs.ingest.admit
    rendering = replace(admit, describe=replace(admit.describe, describer=Rendering()))
    house.with_jobs(ingest=replace(house.vault.jobs.ingest, admit=rendering))
    recording_id = await let_in(house)
    view = await evidence(house, recording_id)
    for purpose, sealed in (await sealed_parts(house, recording_id)).items():
        context = parse_header(sealed).context
        assert {name: context[name] for name in ("account_id", "recording_id", "purpose", "evidence")} == {
            "account_id": house.account.id,
            "recording_id": recording_id,
            "purpose": purpose,
            "evidence": view.sealed.digest,
        }
    assert hashlib.sha256(view.sealed.canonical).hexdigest() == view.sealed.digest


async def test_what_was_known_at_sealing_is_sealed(house: House):
    """The call, what was told, and the decision with all its reasons, under a salt of its own."""
    await set_policy(house)
    await tell(house, "announced")
    recording_id = await announced(house, started_at=moment(ago(30)))
    await through_the_gate(house, recording_id)
    other = await let_in(house, "other", call_ref="call-2")
    view, second = await evidence(house, recording_id), await evidence(house, other)
    said = view.sealed.content
    assert (said["kind"], said["account"], said["recording"]) == ("sealing", house.account.id, recording_id)
    assert (said["call"]["caller"], said["call"]["direction"]) == (CALLER, "inbound")
    assert [event["answer"] for event in said["consent"]] == ["announced"]
    decision = said["decision"]
    assert (decision["verdict"], decision["policy_version"], decision["epoch"]) == ("allow", 2, 0)
    assert {"party": "caller", "place": "US-CA", "known_by": "prefix"} in decision["places"]
    assert "evidence_complete" in [reason["code"] for reason in decision["reasons"]]
    assert view.sealed.salt != second.sealed.salt
    assert await kinds(house, recording_id) == ["gate"]


@pytest.mark.parametrize("word", ["consent", "facts"])
@pytest.mark.parametrize(
    "moment_of", ["stored", "at the gate", "at the gate of its fetch", "quarantined", "available"]
)
async def test_what_comes_after_sealing_is_chained_once(house: House, moment_of: str, word: str):
    """Between sealing and the gate, at the gate itself, and after it."""
    await set_policy(house, mode="opt_in_key" if moment_of == "quarantined" else "announce")

    async def say() -> None:
        if word == "consent":
            await tell(house, "announced", length=timedelta(seconds=3))
        else:
            facts = CallFacts(call_ref="call-1", ended_at=ago(-1), agent="kim")
            await house.vault.recordings.calls.start(house.account.id, facts)

    if moment_of == "available":
        recording_id = await let_in(house)
    elif moment_of == "quarantined":
        recording_id = await kept_apart(house)
    else:
        await tell(house, "announced")
        recording_id = await announced(house)
        if moment_of != "at the gate of its fetch":
            house.step_by_step()
            await house.vault.jobs.ingest()
    if moment_of.startswith("at the gate"):
        # Renewing the lease is a write too, so the word comes before the gate's own.
        house.vault = with_gate_database(house.vault, BeforeTheGate(house.database, say))
    else:
        await say()
    before = moment_of not in {"quarantined", "available"}
    if before:
        assert await through_the_gate(house, recording_id) is State.AVAILABLE
    assert await kinds(house, recording_id) == ([word, "gate"] if before else ["gate", word])
    entry = (await evidence(house, recording_id)).chain[0 if before else 1].content
    if word == "consent":
        assert (entry["event"]["answer"], entry["event"]["length"]) == ("announced", 3.0)
    else:
        assert entry["call"]["agent"] == "kim"


class BeforeTheGate(Interrupted):
    """Lets something happen before the write that is the gate's."""

    async def write(self, function, *, urgent=False):
        """Let it happen before the gate."""
        if getattr(getattr(function, "func", None), "__name__", "") != "gate":
            return await self.database.write(function, urgent=urgent)
        return await super().write(function, urgent=urgent)


async def test_a_chain_grows_by_everything(house: House):
    """Quarantine, a late end of the call, a word, release, restriction and its end, each after the one before."""
    await set_policy(house, mode="opt_in_key")
    recording_id = await kept_apart(house)
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", ended_at=ago(0)))
    await tell(house, "announced")
    await house.vault.recordings.quarantine.release(house.account.id, recording_id, reason="on paper", **ME)
    for restricted in (True, True, False):
        await house.vault.recordings.recordings.restrict(
            house.account.id, recording_id, restricted=restricted, reason="a dispute", **ME
        )
    await tell(house, "withdrawn", method="form")
    assert await kinds(house, recording_id) == [
        "gate", "facts", "consent", "release", "gate", "restriction", "restriction", "consent"
    ]  # fmt: skip
    on, off = [
        one.content for one in (await evidence(house, recording_id)).chain if "restricted" in one.content
    ]
    assert (on["restricted"], on["by"], on["reason"]) == (True, "key_test", "a dispute")
    assert off["restricted"] is False


async def test_every_recording_of_a_call_has_the_word_in_its_own_chain(house: House):
    """An upload, an announced one and one that waits; a recording of another call has nothing of it."""
    await set_policy(house)
    await house.vault.recordings.calls.start(
        house.account.id, CallFacts(call_ref="call-1", direction="inbound", caller=CALLER)
    )
    first = await let_in(house)
    row, _ = await house.vault.ingest.uploads.store(house.account.id, "call-1", "up", blocks_of(AUDIO), **ME)
    await set_policy(house, mode="opt_in_key")
    second = await kept_apart(house, "second")
    foreign = await kept_apart(house, "foreign", call_ref="call-2")
    await house.hurry(row.id)
    await house.vault.jobs.describe()
    before = {one: await kinds(house, one) for one in (first, second, row.id, foreign)}
    await tell(house, "announced")
    after = {one: await kinds(house, one) for one in (first, second, row.id, foreign)}
    assert after == {one: said + ["consent"] * (one != foreign) for one, said in before.items()}


async def test_the_manifest_carries_the_chain(house: House):
    """It is written again whenever the chain grows, and says nothing in clear."""
    await set_policy(house)
    recording_id = await let_in(house)
    place = location_of(house.account.id, recording_id)
    for words in range(3):
        if words:
            await tell(house, "announced")
        assert await house.vault.jobs.write_manifests() is (words > 0)
        assert await house.vault.jobs.write_manifests() is False
        manifest = json.loads(bytes(house.objects.objects[place].body))
        view = await evidence(house, recording_id)
        assert manifest["evidence"] == view.sealed.digest
        assert [one["digest"] for one in manifest["evidence_chain"]] == [one.digest for one in view.chain]
        rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
        sealed = [base64.b64decode(one["sealed"]) for one in manifest["evidence_chain"]]
        assert sealed == [row.sealed_entry for row in rows]
        assert len(rows) == 1 + words
    assert b"announced" not in bytes(house.objects.objects[place].body)


async def test_a_word_while_the_manifest_is_written_is_written_too(house: House):
    """The manifest that lacks it is due again."""
    await set_policy(house)
    recording_id = await let_in(house)
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    put = house.objects.put

    async def slowly(key: str, body: bytes, *, if_absent: bool = False) -> bool:
        house.objects.put = put
        await tell(house, "announced")
        return await put(key, body, if_absent=if_absent)

    house.objects.put = slowly
    assert await house.vault.jobs.write_manifests() is True
    assert await house.vault.jobs.write_manifests() is True
    assert await house.vault.jobs.write_manifests() is False
    manifest = json.loads(bytes(house.objects.objects[location_of(house.account.id, recording_id)].body))
    assert len(manifest["evidence_chain"]) == 2
