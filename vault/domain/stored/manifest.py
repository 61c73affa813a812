"""A recording's manifest: what its row knows, written beside the audio so that the bucket can stand alone.

Version 1 is one JSON object. It holds the wrapped recording key, so a recording is shredded only
when the row's key and every version of its manifest are gone. It lies where nothing is ever locked.
Only what passed the gate has one: the key of everything else is in the database alone, so that the
switch destroys it in the transaction in which it goes off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.recording_json import read_recording, recording_json
from vault.errors import Tampered


def location_of(account_id: str, recording_id: str) -> str:
    """Return the manifest's key in the object store."""
    return f"manifests/{account_id}/{recording_id}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says: a whole row."""

    recording: Recording
    keys: RecordingKeys
    #: What came to the evidence after sealing: digests in hexadecimal, and the sealed entries.
    chain: tuple[tuple[str, bytes], ...]


def encode_manifest(
    recording: Recording, keys: RecordingKeys, chain: Sequence[tuple[str, bytes]] = ()
) -> bytes:
    """Write the manifest of an available recording. It says nothing of people: that part is sealed.

    ``chain`` is what came to the evidence after sealing: digests in hexadecimal, and the sealed entries.
    """
    said = {
        **recording_json(recording),
        "key_version": keys.key_version,
        "wrapped_key": keys.wrapped_key,
        "evidence": keys.evidence,
        "evidence_chain": [{"digest": digest, "sealed": sealed} for digest, sealed in chain],
        "details": keys.details,
        "waveform": keys.waveform,
    }
    return write_object(said)


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest back. Raises Tampered for anything that ``encode_manifest`` does not write."""
    fields = read_object(data, "A manifest")
    recording = read_recording(fields)
    keys = RecordingKeys(
        key_version=fields.integer("key_version", least=1),
        wrapped_key=fields.blob("wrapped_key"),
        evidence=fields.text("evidence"),
        details=fields.maybe_blob("details"),
        waveform=fields.maybe_blob("waveform"),
    )
    chain = []
    for entry in fields.items("evidence_chain"):
        chain.append((entry.text("digest"), entry.blob("sealed")))
        entry.done()
    fields.done()
    if recording.state is not State.AVAILABLE or recording.audio is None:
        raise Tampered("A manifest is not of an available recording.")
    return Manifest(recording=recording, keys=keys, chain=tuple(chain))
