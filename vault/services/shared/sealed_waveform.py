"""Where a recording's waveform lies: in its row until its manifest is written, and from then on in the manifest alone.

It is half of what a recording would take in the database, and only a player's page reads it.
"""

from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.ports.objects import ObjectStore


async def sealed_waveform(objects: ObjectStore, recording: Recording, keys: RecordingKeys) -> bytes | None:
    """Return the sealed waveform of an available recording; None where decoders crashed or the manifest is missing.

    Raises Tampered for a manifest that is none, and Unavailable.
    """
    if keys.waveform is not None:
        return keys.waveform
    try:
        data = await objects.get(location_of(recording.account_id, recording.id))
    except NotFound:
        return None
    return decode_manifest(data).keys.waveform
