"""A card number leaves the audio by REST: with the real decoder, and with a proof that needs only the old file."""

import hashlib
import json
from base64 import b64decode, b64encode
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support import corpus
from tests.support.keyed import CARD, call, keyed
from tests.support.pairs import keys_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.cli.main import app
from vault.domain.recordings.recording import Recording

RATE, FROM, TO = 8000, 1.25, 2.5
PROVED = "old file     is the one of before: all samples outside the spans are the same. This is proved"


def call_of(codec: str) -> bytes:
    """Return three seconds of two channels in a WAV file."""
    return corpus.encode("wav", codec, corpus.tones(3.0, rate=RATE), rate=RATE)


def redact(tenant: Tenant, recording: str, *ranges: dict, reason: str = "card data"):
    """Ask for the removal of ranges."""
    there = tenant.url(f"/recordings/{recording}/redactions")
    return tenant.http.post(there, json={"ranges": list(ranges), "reason": reason})


def heard(tenant: Tenant, recording: str) -> bytes:
    """Download the original."""
    return tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content


def verified(folder: Path, *files: str) -> tuple[int, str]:
    """Run the offline command on the evidence in a folder; return its status, and its error or last line."""
    named = [one if one.startswith("--") else str(folder / one) for one in files]
    done = CliRunner().invoke(app, ["verify-removal", str(folder / "evidence.json"), *named])
    return done.exit_code, str(done.exception or done.output.strip().splitlines()[-1])


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_mulaw", "pcm_alaw"])
def test_the_old_file_proves_that_the_rest_is_unchanged(tenant: Tenant, codec: str, tmp_path: Path):
    """The evidence names both files; whoever has the old one decodes both, and finds the same samples outside."""
    old = call_of(codec)
    recording = tenant.uploaded(old, ref=codec)
    tenant.wait(recording)
    answer = redact(tenant, recording, {"from": FROM, "to": TO})
    assert answer.status_code == 200, answer.text
    new = heard(tenant, recording)
    evidence = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence")).json()
    said = evidence["chain"][-1]["said"]
    assert said["kind"] == "redaction"
    assert said["spans"] == [{"begin_ms": 1250, "end_ms": 2500, "channels": [0, 1]}]
    assert (said["old_sha256"], said["new_sha256"]) == tuple(
        hashlib.sha256(one).hexdigest() for one in (old, new)
    )
    inside = slice(int(FROM * RATE), int(TO * RATE))
    digests = set()
    for file in (old, new):
        samples = corpus.decode(file).astype("<i2").reshape(-1, 2).copy()
        loudest = int(np.abs(samples[inside]).max())
        assert loudest > 1000 if file is old else loudest <= (8 if codec == "pcm_alaw" else 0)
        samples[inside] = 0
        digests.add(hashlib.sha256(samples.tobytes()).hexdigest())
    assert digests == {said["unchanged_sha256"]}
    assert "recording.redacted" in tenant.types(recording)
    (tmp_path / "evidence.json").write_text(json.dumps(evidence))
    (tmp_path / "old.wav").write_bytes(old)
    (tmp_path / "new.wav").write_bytes(new)
    assert verified(tmp_path, "--new", "new.wav", "--old", "old.wav") == (0, PROVED)
    assert verified(tmp_path)[0] == 0
    assert "vouches" in verified(tmp_path)[1]
    waveform = tenant.http.get(tenant.url(f"/recordings/{recording}/waveform")).json()
    assert set(waveform["channels"][0][2 * 500 : 2 * 800]) <= {0}
    assert tenant.get(recording)["state"] == "available"


def test_the_original_does_not_come_back_by_its_name(tenant: Tenant):
    """A client that sends the same bytes again is told that the recording has others; nothing of it is stored."""
    old = call_of("pcm_mulaw")
    recording = tenant.uploaded(old)
    tenant.wait(recording)
    assert tenant.put(old).status_code == 200
    assert redact(tenant, recording, {"from": FROM, "to": TO}).status_code == 200
    new = heard(tenant, recording)
    assert new != old
    assert tenant.put(old).status_code == 409
    assert heard(tenant, recording) == new


def test_the_rendition_goes_with_the_audio(house: House, tenant: Tenant):
    """Browsers do not play ADPCM: its samples are a second object, which has the range as well."""
    audio = corpus.encode("wav", "adpcm_ima_wav", corpus.tones(3.0, rate=RATE), rate=RATE)
    recording = tenant.uploaded(audio, ref="rendition")
    tenant.wait(recording)

    def row() -> Recording:
        return house.call(house.vault.database.read, lambda tx: tx.recordings.get(tenant.id, recording))

    before = row()
    assert before.rendition is not None
    assert redact(tenant, recording, {"from": FROM, "to": TO}).status_code == 200
    keys = house.call(keys_in, house.vault.recordings.recordings.redact.objects)
    left = {key for key in keys if f"/{recording}/" in key}
    assert left == set(row().locations)
    assert not left & set(before.locations)


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("mp3", "mp3", 8000), ("mp3", "mp3", 44100), ("ogg", "libopus", 48000), ("flac", "flac", 8000),
        ("amr", "libopencore_amrnb", 8000), ("wav", "adpcm_ima_wav", 8000),
    ],
)  # fmt: skip
def test_a_compressed_format_becomes_its_samples(tenant: Tenant, container: str, codec: str, rate: int):
    """The new file has the samples that the old one decodes to, with 0 in the range: no encoder comes again."""
    channels = 1 if container == "amr" else 2
    old = corpus.encode(container, codec, corpus.tones(3.0, rate=rate, channels=channels), rate=rate)
    recording = tenant.uploaded(old)
    tenant.wait(recording)
    duration = tenant.get(recording)["duration"]
    answer = redact(tenant, recording, {"from": FROM, "to": TO})
    assert answer.status_code == 200, answer.text
    new = heard(tenant, recording)
    assert new[:4] == b"RIFF"
    then, now = (corpus.decode(one).reshape(-1, channels).astype("<i2") for one in (old, new))
    inside = slice(int(FROM * rate), int(TO * rate))
    assert np.abs(then[inside].astype(int)).max() > 1000
    assert not now[inside].any()
    expected = then[: len(now)].copy()
    expected[inside] = 0
    # What a codec added to fill its last frame is no part of the recording.
    assert abs(len(now) - duration * rate) <= 1
    # FFmpeg has two decoders of AMR, which differ: the vault's is not the one that it chooses here.
    assert codec == "libopencore_amrnb" or (now[: len(expected)] == expected).all()
    assert np.abs(now[: inside.start].astype(int)).max() > 1000
    said = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence")).json()["chain"][-1]["said"]
    assert said["method"] == "decoded-samples-to-silence/1"
    assert said["unchanged_sha256"] == hashlib.sha256(now.tobytes()).hexdigest()
    assert said["old_sha256"] == hashlib.sha256(old).hexdigest()
    shown = tenant.get(recording)
    assert (shown["state"], abs(shown["duration"] - duration) < 0.001) == ("available", True)
    again = redact(tenant, recording, {"from": 0, "to": 0.5})
    assert again.status_code == 200, again.text


@pytest.mark.parametrize(
    "ranges", [[], [{"from": 2, "to": 1}], [{"from": 0, "to": 99}], [{"from": 0, "to": 1, "channels": [1]}]]
)
def test_a_wrong_range_is_named(tenant: Tenant, ranges: list[dict]):
    """422 names the field; a recording of one channel has no second one."""
    recording = tenant.uploaded(
        corpus.encode("wav", "pcm_mulaw", corpus.tones(2.0, rate=RATE, channels=1), rate=RATE)
    )
    tenant.wait(recording)
    wrong = redact(tenant, recording, *ranges)
    assert wrong.status_code == 422
    assert "ranges" in wrong.text


def test_keyed_digits_are_proposed_and_removed(tenant: Tenant):
    """The whole path, by the real decoder: policy, proposal, removal, and the same proposal again is 404."""
    here = tenant.url("/card-data")
    assert tenant.http.get(here).json() == {"keyed_digits": "off", "changed_at": None}
    assert tenant.http.put(here, json={"keyed_digits": "propose"}).json()["keyed_digits"] == "propose"
    samples = call((2.0, keyed(CARD)), seconds=8, channels=2)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=RATE), ref="card")
    tenant.wait(recording)
    listed = tenant.http.get(tenant.url("/redaction-proposals"), params={"recording": recording})
    assert CARD not in listed.text
    (proposal,) = listed.json()["items"]
    assert proposal["kind"] == "card_number"
    assert (round(proposal["from"], 1), round(proposal["to"], 1)) == (2.0, 5.1)
    there = tenant.url(f"/recordings/{recording}/redactions")
    accept = {"proposal": proposal["id"], "reason": "card data"}
    answer = tenant.http.post(there, json=accept)
    assert answer.status_code == 200, answer.text
    new = corpus.decode(heard(tenant, recording)).reshape(-1, 2)
    assert not new[int(1.6 * RATE) : int(5.5 * RATE)].any()
    assert new[: int(1.4 * RATE)].any()
    assert tenant.http.get(tenant.url("/redaction-proposals")).json()["items"] == []
    assert tenant.http.post(there, json=accept).status_code == 404


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("wav", "pcm_mulaw", 8000), ("mp3", "mp3", 44100)], ids=["G.711", "MP3"]
)
def test_a_policy_removes_a_card_number_before_anybody_hears_it(
    tenant: Tenant, container: str, codec: str, rate: int
):
    """By the real decoder: no proposal and no person; the recording is only ever available without it."""
    set_to = tenant.http.put(tenant.url("/card-data"), json={"keyed_digits": "redact"})
    assert set_to.json()["keyed_digits"] == "redact"
    samples = call((2.0, keyed(CARD, rate=rate)), seconds=8, channels=2, rate=rate)
    recording = tenant.uploaded(corpus.encode(container, codec, samples, rate=rate), ref=f"policy-{codec}")
    tenant.wait(recording)
    new = corpus.decode(heard(tenant, recording)).reshape(-1, 2)
    assert not new[int(1.6 * rate) : int(5.5 * rate)].any()
    assert new[: int(1.4 * rate)].any()
    assert tenant.http.get(tenant.url("/redaction-proposals")).json()["items"] == []
    chain = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence")).json()["chain"]
    removal = next(entry["said"] for entry in chain if entry["said"]["kind"] == "redaction")
    assert (removal["by"], removal["reason"]) == ("worker", "card_data_policy")
    assert hashlib.sha256(heard(tenant, recording)).hexdigest() == removal["new_sha256"]
    assert "recording.redacted" in tenant.types(recording)


def test_a_removal_without_a_person_needs_the_scope_of_one(tenant: Tenant, house: House):
    """A key of settings alone sets it to propose, not to redact."""
    here, key = tenant.url("/card-data"), house.key_for(tenant.name, "settings:write")
    answers = [
        tenant.http.put(here, json={"keyed_digits": value}, headers=key).status_code
        for value in ("propose", "redact")
    ]
    assert answers == [200, 403]


def test_a_dismissed_proposal_is_gone(tenant: Tenant):
    """204, then 404."""
    tenant.http.put(tenant.url("/card-data"), json={"keyed_digits": "propose"}).raise_for_status()
    recording = tenant.uploaded(corpus.wav(call((2.0, keyed("12345678")), seconds=8)), ref="digits")
    tenant.wait(recording)
    (proposal,) = tenant.http.get(tenant.url("/redaction-proposals")).json()["items"]
    assert proposal["kind"] == "digits"
    there = tenant.url(f"/redaction-proposals/{proposal['id']}")
    assert [tenant.http.delete(there).status_code for _ in range(2)] == [204, 404]
    assert "redaction.dismissed" in tenant.types(recording)


@pytest.mark.parametrize("body", [{}, {"ranges": [{"from": 0, "to": 1}], "proposal": "prp_1"}])
def test_ranges_or_a_proposal(tenant: Tenant, body: dict):
    """Not both, and not neither: 422 says so."""
    recording = tenant.uploaded(call_of("pcm_mulaw"), ref="both")
    tenant.wait(recording)
    there = tenant.url(f"/recordings/{recording}/redactions")
    wrong = tenant.http.post(there, json={"reason": "r", **body})
    assert wrong.status_code == 422
    assert "Send ranges or proposal, and not both." in wrong.text
    assert "Value error" not in wrong.text


def test_what_was_changed_afterwards_is_named_offline(tenant: Tenant, tmp_path: Path):
    """A sample outside the range, sound inside it, another file of before, an entry that is changed or missing."""
    old = call_of("pcm_s16le")
    recording = tenant.uploaded(old, ref="changed")
    assert redact(tenant, recording, {"from": FROM, "to": TO}).status_code == 200
    new = heard(tenant, recording)
    evidence = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence")).json()
    entry = evidence["chain"][-1]

    def wrong(shown: dict, file: bytes = new, *, before: bytes = old) -> str:
        (tmp_path / "evidence.json").write_text(json.dumps(shown))
        (tmp_path / "new.wav").write_bytes(file)
        (tmp_path / "old.wav").write_bytes(before)
        status, said = verified(tmp_path, "--new", "new.wav", "--old", "old.wav")
        assert status != 0
        return said

    def rewritten(**said: object) -> dict:
        """Return the evidence with another last entry, whose digest is right."""
        raw = b64decode(entry["canonical"])
        canonical = raw[:32] + json.dumps(json.loads(raw[32:]) | said).encode()
        last = {"canonical": b64encode(canonical).decode(), "digest": hashlib.sha256(canonical).hexdigest()}
        return evidence | {"chain": [*evidence["chain"][:-1], last]}

    assert "its SHA-256 is another one" in wrong(evidence, new[:-1] + bytes([new[-1] ^ 1]))
    assert "was never this recording" in wrong(evidence, before=new)
    assert "outside the spans" in wrong(rewritten(unchanged_sha256="0" * 64))
    assert "has sound where" in wrong(rewritten(new_sha256=hashlib.sha256(old).hexdigest()), old)
    assert "digest of an entry" in wrong(evidence | {"chain": [entry | {"digest": "0" * 64}]})
    assert "missing, or in the wrong place" in wrong(evidence | {"chain": [entry]})
    assert "is not the evidence" in wrong({"recording": recording})
