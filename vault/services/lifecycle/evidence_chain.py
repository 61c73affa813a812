"""The evidence chain of a recording: append-only; it holds all evidence that arrives after sealing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import Entry, Evidence, chained, decode_evidence, encode_evidence
from vault.errors import Busy
from vault.ports.keys import KeyRing
from vault.sealing.message import open_message, seal
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.paced import paced

#: Recordings in one statement.
_BATCH: Final = 500
#: States of recordings that have passed the gate and whose evidence still grows.
SETTLED = frozenset({State.QUARANTINED, State.AVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChain:
    """Unwrap the recording keys that an append needs, before the transaction that appends."""

    database: Database
    ring: KeyRing

    async def of_call(self, account_id: str, call_ref: str) -> Mapping[str, OpenedRecording]:
        """Return the call's settled recordings by id, with unwrapped keys."""

        def read(tx: Transaction) -> list[tuple[Recording, RecordingKeys | None]]:
            found = tx.recordings.of_call(account_id, call_ref)
            keys = tx.recordings.keys_of_call(account_id, call_ref)
            return [(item, keys.get(item.id)) for item in found if item.state in SETTLED]

        found = await self.database.read(read)
        return {
            recording.id: await open_recording(self.ring, recording, keys)
            async for recording, keys in paced(found)
            if keys is not None
        }

    async def of_recording(self, account_id: str, recording_id: str) -> OpenedRecording | None:
        """Return a settled recording with its unwrapped key; None if it is not settled. Raises NotFound, Tampered."""

        def read(tx: Transaction) -> tuple[Recording | None, RecordingKeys | None]:
            return tx.recordings.get(account_id, recording_id), tx.recordings.keys(recording_id)

        recording, keys = await self.database.read(read)
        if recording is None or keys is None or recording.state not in SETTLED:
            return None
        return await open_recording(self.ring, recording, keys)


def settled(
    tx: Transaction, account_id: str, call_ref: str, opened: Mapping[str, OpenedRecording]
) -> list[Recording] | None:
    """Return the call's settled recordings as this transaction sees them; None if one is not in ``opened``."""
    found = [item for item in tx.recordings.of_call(account_id, call_ref) if item.state in SETTLED]
    return found if all(item.id in opened for item in found) else None


def append(
    tx: Transaction, opened: OpenedRecording, entry: Entry, content: Mapping[str, Any], *, at: datetime
) -> EvidenceRow:
    """Append an entry and return it, the new head. The manifest becomes due for a rewrite."""
    return append_to_each(tx, [opened], entry, content, at=at)[0]


def append_to_each(
    tx: Transaction,
    opened: Sequence[OpenedRecording],
    entry: Entry,
    content: Mapping[str, Any],
    *,
    at: datetime,
) -> Sequence[EvidenceRow]:
    """Append an entry to each of these recordings, with as many statements as for one.

    Raises Busy if the audio of one was replaced, and its key with it, since its key was unwrapped.
    """
    require_same_audio(tx, opened)
    heads = tx.evidence.heads([one.recording.id for one in opened])
    rows = []
    for one in opened:
        position, before = heads.get(one.recording.id, (0, one.keys.evidence))
        rows.append(_sealed(one, entry, content, before=before, position=position + 1, at=at))
    tx.evidence.add_to_each(rows)
    for batch in batches(opened, _BATCH):
        tx.queue.rewrite_manifest(*(one.recording.id for one in batch))
    return rows


def require_same_audio(tx: Transaction, opened: Sequence[OpenedRecording]) -> None:
    """Raise Busy if the audio of one of them was replaced: its key with it. The caller holds the locks of the calls."""
    for batch in batches(opened, _BATCH):
        named = tx.object_checks.named([one.recording.id for one in batch])
        for one in batch:
            audio, row = one.recording.audio, named.get(one.recording.id)
            if audio is not None and row is not None and audio.location not in row.locations:
                raise Busy("The audio of the recording was replaced meanwhile; retry.", retry_after=1)


def reseal(before: OpenedRecording, after: OpenedRecording, row: EvidenceRow) -> EvidenceRow:
    """Return an entry under the key of ``after``; its content and digest stay. Raises Tampered."""
    recording = after.recording
    context = bound.of_recording(recording.account_id, recording.id, "evidence", after.keys.evidence)
    sealed = seal(after.key, context, encode_evidence(open_entry(before, row)))
    return replace(row, sealed_entry=sealed)


def append_first(
    tx: Transaction,
    opened: OpenedRecording,
    entries: Sequence[tuple[Entry, Mapping[str, Any]]],
    *,
    at: datetime,
) -> Sequence[EvidenceRow]:
    """Append the first entries, at the first gate; there is no manifest yet. Raises Busy if there is an entry."""
    rows: list[EvidenceRow] = []
    for entry, content in entries:
        before = rows[-1].digest if rows else opened.keys.evidence
        rows.append(_sealed(opened, entry, content, before=before, position=len(rows) + 1, at=at))
    tx.evidence.add(*rows)
    return rows


def _sealed(
    opened: OpenedRecording,
    entry: Entry,
    content: Mapping[str, Any],
    *,
    before: str,
    position: int,
    at: datetime,
) -> EvidenceRow:
    recording = opened.recording
    evidence = chained(before, entry, content, recording_id=recording.id, at=at)
    context = bound.of_recording(recording.account_id, recording.id, "evidence", opened.keys.evidence)
    return EvidenceRow(
        account_id=recording.account_id,
        recording_id=recording.id,
        position=position,
        digest=evidence.digest,
        sealed_entry=seal(opened.key, context, encode_evidence(evidence)),
    )


def open_entry(opened: OpenedRecording, row: EvidenceRow) -> Evidence:
    """Open an entry. Raises Tampered."""
    recording = opened.recording
    context = bound.of_recording(recording.account_id, recording.id, "evidence", opened.keys.evidence)
    return decode_evidence(open_message(opened.key, row.sealed_entry, context=context))
