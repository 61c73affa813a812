"""Restore recordings from the object store: available ones with their keys, tombstones without keys."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, func, insert, select, update

from vault.database.schema.account_keys import account_keys
from vault.database.schema.consent import evidence_entries
from vault.database.schema.core import recordings
from vault.database.sql.dialect import database_now, insert_new
from vault.database.stores.queue_statements import SHREDDED
from vault.database.stores.recordings import reasons_json
from vault.domain.reason import Reason
from vault.domain.recordings.recording import IN_FLIGHT, Recording, SealedObject, State
from vault.domain.stored.manifest import Manifest

_COPIED = (
    "id", "account_id", "recording_ref", "call_ref", "epoch", "received_at", "call_started_at", "call_ended_at",
    "kind", "source_ref", "source_policy", "source_attempts", "source_deleted_at", "damaged", "restricted",
    "container", "codec", "channels", "sample_rate", "duration", "available_at", "erased_at",
)  # fmt: skip
_FREE: dict[str, Any] = {"lease_until": None, "lease_token": None}


def put_recording(db: DbConnection, manifest: Manifest, *, keep: bool = False) -> bool:
    """Insert an available recording, or set its row to its manifest; ``keep``: leave an available row unchanged.

    False if the row is refused or erased, or if another row has its source's id. A failed row is replaced: the
    recording was sent again later, because a recording that only failed has no manifest.
    """
    recording, keys = manifest.recording, manifest.keys
    state = _state(db, recording.id)
    if state is not None and state not in {State.AVAILABLE, State.FAILED, *IN_FLIGHT}:
        return False
    if state is State.AVAILABLE and (keep or _chain_length(db, recording.id) > len(manifest.chain)):
        # The row is newer than the manifest: it has evidence added since, such as a restriction.
        db.execute(update(recordings).where(recordings.c.id == recording.id).values(manifest_due=True))
        return True
    row = {
        **_row(db, recording), "key_version": keys.key_version, "wrapped_key": keys.wrapped_key,
        "evidence": keys.evidence, "sealed_details": keys.details, "sealed_waveform": keys.waveform,
        "sealed_announcement": None, "manifest_due": False, "manifest_key_version": keys.key_version,
    }  # fmt: skip
    if state is not None:
        db.execute(update(recordings).where(recordings.c.id == recording.id).values(row))
    elif not insert_new(db, recordings, row):
        return False
    db.execute(delete(evidence_entries).where(evidence_entries.c.recording_id == recording.id))
    chain = [
        {
            "recording_id": recording.id, "position": position, "account_id": recording.account_id,
            "digest": digest, "sealed_entry": sealed,
        }
        for position, (digest, sealed) in enumerate(manifest.chain, 1)
    ]  # fmt: skip
    if chain:
        db.execute(insert(evidence_entries), chain)
    return True


def put_tombstone(db: DbConnection, recording: Recording, *, due: bool = False) -> bool:
    """Insert a refused, failed or erased recording, or shred its existing row.

    An existing row of an erased recording moves to erasing, so that its objects are deleted again. ``due``: the
    object store has no tombstone of it. False if another recording has its source's id.
    """
    state = _state(db, recording.id)
    if state is None:
        row = {**_row(db, recording), "manifest_due": due, "manifest_key_version": None}
        return bool(insert_new(db, recordings, row))
    if not _is_newer(db, recording, state):
        return True
    to = State.ERASING if recording.state is State.ERASED else recording.state
    values = {
        **SHREDDED,
        **_FREE,
        "state": str(to),
        "reasons": reasons_json(recording.reasons),
        "attempts": 0,
    }
    if to is not State.ERASING:
        values |= {"audio_location": None, "rendition_location": None}
    _shred(db, recording.id, values)
    return True


def _is_newer(db: DbConnection, recording: Recording, state: State) -> bool:
    """Return whether a tombstone is newer than the existing row, which has this state."""
    if state in {State.ERASING, State.ERASED}:
        return False
    if recording.state is State.ERASED:
        return True
    if state in {State.REFUSED, State.AVAILABLE}:
        # A recording that passed the gate was not refused before, so this tombstone does not apply to it.
        return False
    if recording.state is State.REFUSED:
        return True
    # It failed, and may have been sent again since; each delivery has its own time of receipt.
    received_at = db.execute(
        select(recordings.c.received_at).where(recordings.c.id == recording.id)
    ).scalar_one()
    return state is not State.FAILED and recording.received_at >= received_at


def refuse_row(db: DbConnection, recording_id: str, code: str) -> None:
    """Refuse and shred a row that has not passed the gate, or that failed (it was sent again and then refused)."""
    if _state(db, recording_id) not in {State.FAILED, *IN_FLIGHT}:
        return
    reason = Reason(
        code=code, text="The recording was refused according to the access log.", source="access-log"
    )
    values = {
        **SHREDDED, **_FREE, "state": str(State.REFUSED), "reasons": reasons_json([reason]),
        "audio_location": None, "rendition_location": None,
    }  # fmt: skip
    _shred(db, recording_id, values)


def fail_rows(db: DbConnection, account_id: str) -> int:
    """Fail and shred rows in flight whose key version was deleted; return the count."""
    versions = select(account_keys.c.version).where(account_keys.c.account_id == account_id)
    r = recordings.c
    sealed = (r.sealed_announcement.is_not(None) & r.announcement_key_version.not_in(versions)) | (
        r.wrapped_key.is_not(None) & r.key_version.not_in(versions)
    )
    mine = (r.account_id == account_id) & r.state.in_([str(state) for state in IN_FLIGHT]) & sealed
    reason = Reason(code="key_destroyed", text="The key that sealed the recording was destroyed.")
    closed = db.execute(select(r.id).where(mine)).scalars().all()
    for recording_id in closed:
        values = {**SHREDDED, **_FREE, "state": str(State.FAILED), "reasons": reasons_json([reason])}
        _shred(db, recording_id, values)
    return len(closed)


def _shred(db: DbConnection, recording_id: str, values: dict[str, Any]) -> None:
    # Its tombstone is due, except while it is being erased.
    due = {"manifest_due": values["state"] != str(State.ERASING)}
    db.execute(update(recordings).where(recordings.c.id == recording_id).values(values | due))
    forget_evidence(db, [recording_id])


def forget_evidence(db: DbConnection, recording_ids: Sequence[str]) -> None:
    """Delete the evidence that the recordings' keys sealed: without the keys it cannot be opened."""
    db.execute(delete(evidence_entries).where(evidence_entries.c.recording_id.in_(recording_ids)))


def _chain_length(db: DbConnection, recording_id: str) -> int:
    mine = evidence_entries.c.recording_id == recording_id
    return db.execute(select(func.count()).select_from(evidence_entries).where(mine)).scalar_one()


def _state(db: DbConnection, recording_id: str) -> State | None:
    state = db.execute(select(recordings.c.state).where(recordings.c.id == recording_id)).scalar()
    return None if state is None else State(state)


def _row(db: DbConnection, recording: Recording) -> dict[str, Any]:
    now = database_now(db)
    return {
        **{name: getattr(recording, name) for name in _COPIED},
        "connection_id": recording.connection_id or "",
        "state": str(recording.state),
        "reasons": reasons_json(recording.reasons),
        "voices": list(recording.voices),
        **_sealed("audio", recording.audio),
        **_sealed("rendition", recording.rendition),
        "source_not_before": now,
        "attempts": 0,
        "not_before": now,
        "quarantined_until": None,
        **_FREE,
    }


def _sealed(purpose: str, sealed: SealedObject | None) -> dict[str, Any]:
    return {
        f"{purpose}_location": sealed.location if sealed else None,
        f"{purpose}_header": sealed.header if sealed else None,
        f"{purpose}_size": sealed.size if sealed else None,
    }
