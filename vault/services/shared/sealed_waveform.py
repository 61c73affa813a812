"""Read a recording's waveform: from its row until its manifest is written, and from then on from the manifest.

It is half of what a recording would take in the database, and only a player's page reads it.
"""

from dataclasses import replace

from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.ports.objects import ObjectStore


async def with_waveform(objects: ObjectStore, recording: Recording, keys: RecordingKeys) -> RecordingKeys:
    """Return the keys of an available recording with its sealed waveform, from either place.

    Without one where decoders crashed or the manifest is missing. Raises Tampered for a manifest that is none, and
    Unavailable.
    """
    if keys.waveform is not None:
        return keys
    try:
        data = await objects.get(location_of(recording.account_id, recording.id))
    except NotFound:
        return keys
    return replace(keys, waveform=decode_manifest(data).keys.waveform)
