"""Compare an available recording with its objects and its manifest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.database.interface import Database
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.domain.calls.metadata import MetadataRow
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject
from vault.domain.stored.encryption_context import Purpose
from vault.domain.stored.manifest import Manifest, decode_manifest, location_of
from vault.errors import NotFound, Tampered
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.header import parse_header
from vault.sealing.size import object_size
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.paced import paced
from vault.services.shared.sealed_audio import SealedAudio, with_waveform


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRecording:
    """Reports problems with a recording, one sentence each."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def findings(self, recording: Recording, *, whole: bool, manifest: bool = True) -> list[str]:
        """Return findings; with ``whole``, decrypt every sealed part and check every authentication tag.

        Without ``manifest``, the manifest is skipped.
        """
        keys, chain, metadata = await self.database.read(
            lambda tx: (
                tx.recordings.keys(recording.id),
                tx.evidence.of_recording(recording.id),
                tx.call_metadata.of_calls(recording.account_id, [recording.call_ref], [recording.id]),
            )
        )
        if keys is None:
            return [f"{recording.id}: its row has no key."]
        found = []
        for purpose, sealed in _objects_of(recording):
            found += await self._object(recording, purpose, sealed)
        if recording.audio is None:
            found.append(f"{recording.id}: its row names no audio.")
        if manifest:
            digests = [row.digest for row in chain]
            different, keys = await self._manifest(recording, keys, digests, metadata)
            found += different
        if whole and not found:
            found += await self._open(recording, keys, chain)
        return found

    async def _object(self, recording: Recording, purpose: Purpose, sealed: SealedObject) -> list[str]:
        try:
            size = await self.objects.size(sealed.location)
            header = parse_header(sealed.header)
        except NotFound:
            return [f"{recording.id}: its {purpose} {sealed.location} is missing."]
        except Tampered:
            return [f"{recording.id}: the header of its {purpose} in the row is invalid."]
        wanted = object_size(len(header.write()), sealed.size, header.frame_length)
        if size != wanted:
            return [f"{recording.id}: its {purpose} {sealed.location} has {size} bytes instead of {wanted}."]
        return []

    async def _manifest(
        self, recording: Recording, keys: RecordingKeys, chain: list[str], metadata: Sequence[MetadataRow]
    ) -> tuple[list[str], RecordingKeys]:
        """Return findings, and the keys with the waveform, which the row has no more once the manifest is written."""
        location = location_of(recording.account_id, recording.id)
        try:
            manifest = decode_manifest(await self.objects.get(location))
        except NotFound:
            return [f"{recording.id}: its manifest {location} is missing."], keys
        except Tampered as error:
            return [f"{recording.id}: its manifest {location} cannot be used: {error}"], keys
        keys = replace(keys, waveform=keys.waveform or manifest.keys.waveform)
        wrong = _differences(manifest, recording, keys, chain, metadata)
        if wrong:
            return [
                f"{recording.id}: its manifest {location} differs from its row in {', '.join(wrong)}."
            ], keys
        return [], keys

    async def _open(
        self, recording: Recording, keys: RecordingKeys, chain: Sequence[EvidenceRow]
    ) -> list[str]:
        part: str = "key"
        try:
            opened = await open_recording(self.ring, recording, keys)
            part = "details"
            opened.details()
            part = "waveform"
            replace(opened, keys=await with_waveform(self.objects, recording, keys)).waveform()
            part = "chain of evidence"
            async for row in paced(chain):
                open_entry(opened, row)
            for purpose, sealed in _objects_of(recording):
                part = purpose
                audio = SealedAudio(self.objects, opened.opener(sealed, purpose), sealed)
                async for _ in audio.blocks():
                    pass
        except (Tampered, NotFound) as error:
            return [f"{recording.id}: its {part} cannot be opened: {error}"]
        return []


def _objects_of(recording: Recording) -> list[tuple[Purpose, SealedObject]]:
    parts: dict[Purpose, SealedObject | None] = {"audio": recording.audio, "rendition": recording.rendition}
    return [(purpose, sealed) for purpose, sealed in parts.items() if sealed is not None]


def _differences(
    manifest: Manifest,
    recording: Recording,
    keys: RecordingKeys,
    chain: list[str],
    metadata: Sequence[MetadataRow],
) -> list[str]:
    """Return the names of the parts in which the manifest differs from the row."""
    stored = manifest.recording
    compared = {
        "recording": (stored.id, recording.id),
        "account": (stored.account_id, recording.account_id),
        "source": (
            (stored.connection_id, stored.recording_ref),
            (recording.connection_id, recording.recording_ref),
        ),
        "audio": (stored.audio, recording.audio),
        "rendition": (stored.rendition, recording.rendition),
        "restriction": (stored.restricted, recording.restricted),
        "key version": (manifest.keys.key_version, keys.key_version),
        "month key": (manifest.keys.month_key, keys.month_key),
        "wrapped key": (manifest.keys.wrapped_key, keys.wrapped_key),
        "evidence": (manifest.keys.evidence, keys.evidence),
        "details": (manifest.keys.details, keys.details),
        "waveform": (manifest.keys.waveform, keys.waveform),
        "chain of evidence": ([digest for digest, _ in manifest.chain], chain),
        "metadata": (list(manifest.metadata), list(metadata)),
    }
    return [name for name, (in_manifest, in_row) in compared.items() if in_manifest != in_row]
