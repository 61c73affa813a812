"""Restore recordings from the object store: available ones with their keys, tombstones without keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, case, delete, func, select, text, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.account_keys import account_keys, month_keys
from vault.database.schema.consent import evidence_entries
from vault.database.schema.core import IS_NOT_AVAILABLE, recordings
from vault.database.sql.dialect import database_now, insert_new, insert_returning
from vault.database.stores.accounts.stored_answers import forget_answers_on_recording
from vault.database.stores.calls.call_metadata import forget_metadata_of_recording
from vault.database.stores.recordings.card_data import forget_proposals
from vault.database.stores.recordings.evidence import EvidenceRow, evidence_values
from vault.database.stores.recordings.object_checks import note_object_checks
from vault.database.stores.recordings.recording_notes import forget_notes
from vault.database.stores.recordings.recording_states import columns_set_by
from vault.database.stores.recordings.recordings import (
    MANIFEST_CHANGED,
    RECORDING_COLUMNS,
    reasons_json,
    recording_of,
)
from vault.database.stores.requests.packages import PackageRows
from vault.database.stores.rows import Rows
from vault.database.stores.short_form import shorten
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, Recording, SealedObject, State
from vault.domain.recordings.transitions import (
    RESTORE_ERASURE,
    RESTORE_FAILURE,
    RESTORE_MANIFEST,
    RESTORE_REFUSAL,
    Transition,
)
from vault.domain.stored.encryption_context import Purpose
from vault.domain.stored.manifest import Manifest

_COPIED = (
    "id", "account_id", "recording_ref", "call_ref", "epoch", "received_at", "call_started_at", "call_ended_at",
    "kind", "source_ref", "source_policy", "source_attempts", "source_deleted_at", "damaged", "restricted",
    "container", "codec", "channels", "sample_rate", "duration", "available_at", "erased_at",
)  # fmt: skip
#: How the row of a tombstone is restored, by the tombstone's state.
_RESTORED: Mapping[State, Transition] = {
    State.REFUSED: RESTORE_REFUSAL,
    State.FAILED: RESTORE_FAILURE,
    State.ERASING: RESTORE_ERASURE,
    State.ERASED: RESTORE_ERASURE,
}


class RestoredRecordings(Rows):
    """The recordings that one transaction restores. Only the lifecycle service may use it."""

    def insert_new(self, manifests: Sequence[Manifest]) -> Mapping[str, bool]:
        """Insert the available recordings that have no row; return whether each of these has one now.

        False for one whose source's id another row has. Many take as many statements as one.
        """
        r = recordings.c
        ids = [manifest.recording.id for manifest in manifests]
        known = set(self._db.execute(select(r.id).where(r.id.in_(ids))).scalars())
        new = {one.recording.id: one for one in manifests if one.recording.id not in known}
        if not new:
            return {}
        now = database_now(self._db)
        rows = [_available_row(manifest, now) for manifest in new.values()]
        written = set(insert_returning(self._db, recordings, rows, "id"))
        self._add_chains([manifest for recording_id, manifest in new.items() if recording_id in written])
        return {recording_id: recording_id in written for recording_id in new}

    def available(self, manifest: Manifest, *, keep: bool = False, is_newer: bool = False) -> bool:
        """Insert an available recording, or set its row to its manifest; ``keep``: leave an available row unchanged.

        ``is_newer``: the manifest has audio of which spans were removed, and the row does not; that is set in any case.

        False if the row is refused or erased, or if another row has its source's id. A failed row is replaced: the
        recording was sent again later, because a recording that only failed has no manifest.
        """
        recording = manifest.recording
        state = _state(self._db, recording.id)
        if state is not None and state not in RESTORE_MANIFEST.sources:
            return False
        if state is State.AVAILABLE and not is_newer and (keep or self._has_more(manifest)):
            # The row is newer than the manifest: it has evidence added since, such as a restriction.
            self._update(recording.id, dict(MANIFEST_CHANGED))
            return True
        row = _available_row(manifest, database_now(self._db))
        if state is not None:
            if is_newer:
                # The key that sealed them is replaced.
                forget_notes(self._db, recording.id)
                forget_proposals(self._db, [recording.id])
            self._update(recording.id, row)
            self._forget_chain(recording.id)
        elif not insert_new(self._db, recordings, row):
            return False
        self._add_chains([manifest])
        return True

    def tombstone(self, recording: Recording, *, due: bool = False) -> bool:
        """Insert a refused, failed or erased recording, or shred its existing row; False if the row says so already.

        An existing row of an erased recording moves to erasing, so that its objects are deleted again. ``due``: the
        object store has no tombstone of it. If another recording has its source's id, nothing is inserted.
        """
        state = _state(self._db, recording.id)
        if state is None:
            now = database_now(self._db)
            row = {**_row(recording, now), "manifest_due": due, "manifest_key_version": None}
            insert_new(self._db, recordings, row)
            return True
        if not self._is_newer(recording, state):
            return False
        values = {"reasons": reasons_json(recording.reasons), "attempts": 0}
        self._shred(_RESTORED[recording.state], recording.id, values)
        if recording.state in GONE:
            self._delete_packages(recording.id)
        return True

    def _delete_packages(self, recording_id: str) -> None:
        rows = PackageRows(self._db)
        for package in rows.with_recording(recording_id):
            rows.delete(package.request_id)

    def refuse(self, recording_id: str, code: str) -> None:
        """Refuse and shred a row that has not passed the gate, or that failed and was sent again."""
        if _state(self._db, recording_id) not in RESTORE_REFUSAL.sources:
            return
        reason = Reason(
            code=code, text="The recording was refused according to the access log.", source="access-log"
        )
        self._shred(RESTORE_REFUSAL, recording_id, {"reasons": reasons_json([reason])})

    def fail_without_key(self, account_id: str) -> int:
        """Fail and shred rows in flight whose month key or account key version was deleted; return the count."""
        versions = select(account_keys.c.version).where(account_keys.c.account_id == account_id)
        months = select(month_keys.c.id).where(month_keys.c.account_id == account_id)

        def lost(version: Column[Any], month: Column[Any]) -> ColumnElement[bool]:
            return case((month.is_(None), version.not_in(versions)), else_=month.not_in(months))

        r = recordings.c
        sealed = (
            r.sealed_announcement.is_not(None) & lost(r.announcement_key_version, r.announcement_month_key)
        ) | (r.wrapped_key.is_not(None) & lost(r.key_version, r.month_key))
        mine = (
            (r.account_id == account_id)
            & text(IS_NOT_AVAILABLE)
            & r.state.in_([str(state) for state in RESTORE_FAILURE.sources])
            & sealed
        )
        reason = Reason(code="key_destroyed", text="The key that sealed the recording was destroyed.")
        closed = self._db.execute(select(r.id).where(mine)).scalars().all()
        for recording_id in closed:
            self._shred(RESTORE_FAILURE, recording_id, {"reasons": reasons_json([reason])})
        return len(closed)

    def _is_newer(self, recording: Recording, state: State) -> bool:
        """Return whether a tombstone is newer than the existing row, which has this state."""
        if state in GONE:
            return False
        if recording.state is State.ERASED:
            return True
        if state in {State.REFUSED, State.AVAILABLE}:
            # A recording that passed the gate was not refused before, so this tombstone does not apply to it.
            return False
        if recording.state is State.REFUSED:
            return True
        # It failed, and may have been sent again since; each delivery has its own time of receipt.
        query = select(recordings.c.received_at).where(recordings.c.id == recording.id)
        received_at = self._db.execute(query).scalar_one()
        return state is not State.FAILED and recording.received_at >= received_at

    def _shred(self, transition: Transition, recording_id: str, values: dict[str, Any]) -> None:
        shredded = update(recordings).where(recordings.c.id == recording_id)
        shredded = shredded.values(columns_set_by(transition) | values)
        row = self._db.execute(shredded.returning(*RECORDING_COLUMNS)).first()
        if row is not None:
            note_object_checks(self._db, [(recording_id, row.account_id)])
            if transition.target in GONE:
                forget_metadata_of_recording(self._db, recording_of(row))
        self._forget_chain(recording_id)
        forget_notes(self._db, recording_id)
        forget_proposals(self._db, [recording_id])
        forget_answers_on_recording(self._db, recording_id)

    def _forget_chain(self, recording_id: str) -> None:
        self._db.execute(delete(evidence_entries).where(evidence_entries.c.recording_id == recording_id))

    def _add_chains(self, manifests: Sequence[Manifest]) -> None:
        chains = [
            evidence_values(
                EvidenceRow(
                    account_id=one.recording.account_id, recording_id=one.recording.id, position=position,
                    digest=digest, sealed_entry=sealed,
                )
            )
            for one in manifests
            for position, (digest, sealed) in enumerate(one.chain, 1)
        ]  # fmt: skip
        if chains:
            insert_new(self._db, evidence_entries, *chains)

    def _has_more(self, manifest: Manifest) -> bool:
        """Return whether the row has more evidence than its manifest."""
        mine = evidence_entries.c.recording_id == manifest.recording.id
        count = self._db.execute(select(func.count()).select_from(evidence_entries).where(mine)).scalar_one()
        return bool(count > len(manifest.chain))

    def _update(self, recording_id: str, values: dict[str, Any]) -> None:
        self._db.execute(update(recordings).where(recordings.c.id == recording_id).values(values))


def _state(db: DbConnection, recording_id: str) -> State | None:
    state = db.execute(select(recordings.c.state).where(recordings.c.id == recording_id)).scalar()
    return None if state is None else State(state)


def _available_row(manifest: Manifest, now: datetime) -> dict[str, Any]:
    recording, keys = manifest.recording, manifest.keys
    details = keys.details
    if details is not None:
        details = shorten(details, recording.account_id, recording.id, "details")
    return {
        **_row(recording, now), **columns_set_by(RESTORE_MANIFEST), "key_version": keys.key_version,
        "wrapped_key": keys.wrapped_key, "evidence": keys.evidence, "sealed_details": details,
        "sealed_waveform": None, "sealed_announcement": None, "announcement_month_key": None,
        "month_key": keys.month_key,
        "manifest_key_version": keys.key_version if keys.month_key is None else None,
    }  # fmt: skip


def _row(recording: Recording, now: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(recording, name) for name in _COPIED},
        "connection_id": recording.connection_id or "",
        "state": str(recording.state),
        "reasons": reasons_json(recording.reasons),
        "voices": list(recording.voices),
        **_sealed(recording, "audio", recording.audio),
        **_sealed(recording, "rendition", recording.rendition),
        "source_not_before": now,
        "attempts": 0,
        "not_before": now,
        "quarantined_until": None,
        "lease_until": None,
        "lease_token": None,
    }


def _sealed(recording: Recording, purpose: Purpose, sealed: SealedObject | None) -> dict[str, Any]:
    if sealed is None:
        return dict.fromkeys(f"{purpose}_{name}" for name in ("location", "header", "size"))
    return {
        f"{purpose}_location": sealed.location,
        f"{purpose}_header": shorten(sealed.header, recording.account_id, recording.id, purpose),
        f"{purpose}_size": sealed.size,
    }
