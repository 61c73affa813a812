"""A recording's manifest: what its row knows, written beside the audio so that the bucket can stand alone.

Version 1 is one JSON object. It holds the wrapped recording key, so a recording is shredded only
when the row's key and every version of its manifest are gone. It lies where nothing is ever locked.
"""

import base64
import json
from collections.abc import Sequence

from vault.domain.recording import Recording, RecordingKeys, SealedObject


def location_of(account_id: str, recording_id: str) -> str:
    """Return the manifest's key in the object store."""
    return f"manifests/{account_id}/{recording_id}.json"


def encode_manifest(
    recording: Recording, keys: RecordingKeys, chain: Sequence[tuple[str, bytes]] = ()
) -> bytes:
    """Write the manifest of an available recording. It says nothing of people: that part is sealed.

    ``chain`` is what came to the evidence after sealing: digests in hexadecimal, and the sealed entries.
    """
    said = {
        "v": 1,
        "id": recording.id,
        "account_id": recording.account_id,
        "connection_id": recording.connection_id,
        "recording_ref": recording.recording_ref,
        "call_ref": recording.call_ref,
        "received_at": recording.received_at.isoformat(),
        "available_at": recording.available_at.isoformat() if recording.available_at else None,
        "epoch": recording.epoch,
        "key_version": keys.key_version,
        "wrapped_key": _base64(keys.wrapped_key),
        "evidence": keys.evidence,
        "evidence_chain": [{"digest": digest, "sealed": _base64(sealed)} for digest, sealed in chain],
        "details": _base64(keys.details),
        "waveform": _base64(keys.waveform),
        "audio": _object(recording.audio),
        "rendition": _object(recording.rendition),
        "media": {
            name: getattr(recording, name)
            for name in ("container", "codec", "channels", "sample_rate", "duration", "damaged")
        },
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def _object(sealed: SealedObject | None) -> dict[str, object] | None:
    if sealed is None:
        return None
    return {"location": sealed.location, "header": _base64(sealed.header), "size": sealed.size}


def _base64(blob: bytes | None) -> str | None:
    return None if blob is None else base64.b64encode(blob).decode()
