"""Bring recordings to the state that the object store and its log show. The log has the access events already."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from vault.database.stores.backup.restore_recordings import RestoredRecordings
from vault.database.stores.calls.call_facts import PendingCall
from vault.database.stores.recordings.recording_names import named_recordings
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.stores.retention.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.retention.terms import ContactEnd
from vault.domain.stored.manifest import Manifest
from vault.services.lifecycle.delete_packages import delete_packages_with
from vault.services.lifecycle.lifecycle import WORKER, reapply_erasure
from vault.services.lifecycle.set_switch import SWITCHED_OFF
from vault.services.shared.end_listening import restrict_again


def restore_new(tx: Transaction, manifests: Sequence[Manifest]) -> Mapping[str, bool]:
    """Insert the available recordings that have no row yet, some dozens at once.

    Return whether each of these has a row now: not, if another recording has its reference.
    """
    return RestoredRecordings(tx.connection).insert_new(manifests)


def restore_available(
    tx: Transaction, manifest: Manifest, *, keep: bool = False, redacted: Collection[str] = ()
) -> bool:
    """Insert an available recording, or set its row to its manifest; ``keep``: leave an available row unchanged.

    ``redacted``: the digests of the evidence that spans of its audio were removed. A manifest with one that the row
    lacks is set in any case, and ends what hangs on the row's audio. False if the row is refused or erased, or if
    another recording has its reference.
    """
    recording = manifest.recording
    # Most have none: nothing is read for them.
    row = tx.recordings.by_id(recording.id) if redacted else None
    digests = {digest for digest, _ in manifest.chain}
    is_newer = any(one in digests and not tx.evidence.has(recording.id, one) for one in redacted)
    if not RestoredRecordings(tx.connection).available(manifest, keep=keep, is_newer=is_newer):
        return False
    if is_newer and row is not None:
        if row.restricted:
            restrict_again(tx, row, actor=WORKER, causes=())
        tx.links.end_sessions(recording.id, tx.now())
        delete_packages_with(tx, recording.id, actor=WORKER, at=None)
    if redacted:
        # The old objects may still be there.
        tx.object_checks.note(recording.id, recording.account_id)
    return True


def restore_redaction(tx: Transaction, manifest: Manifest, digest: str) -> None:
    """Put the audio of a closing act in the place of older audio, or insert the recording; its manifest becomes due."""
    recording = manifest.recording
    if tx.evidence.has(recording.id, digest):
        return
    if restore_available(tx, manifest, redacted=[digest]):
        tx.queue.rewrite_manifest(recording.id)


def restore_tombstone(tx: Transaction, recording: Recording, *, due: bool = False) -> bool:
    """Insert a refused, failed or erased recording, or shred the existing row.

    ``due``: the object store has no tombstone of it, so one must be written. False if the database knew that it has
    ended; else call ``close_successors``.
    """
    return RestoredRecordings(tx.connection).tombstone(recording, due=due)


def close_successors(
    tx: Transaction, recording: Recording, *, at: datetime | None = None
) -> Sequence[Recording]:
    """Close the rows that have the name of a tombstone; return those that were not closed yet.

    Each is the same recording, announced or sent again while the database did not know that it was erased or refused:
    it has the tombstone's reference, or came in after its end at another door, under the same name of the same call.
    An erased one is erased. A refused one is refused in flight, and restricted if it is available, as is a recording of
    another call, which only has the same reference. ``at``: when it ended, if the tombstone does not say so.
    """
    if recording.state is State.FAILED:
        return []
    account_id = recording.account_id
    own = tx.recordings.by_ref(account_id, recording.connection_id, recording.recording_ref)
    others = [
        one
        for one in named_recordings(tx.connection, account_id, recording.call_ref, recording.name)
        if _came_after(one, recording, at) and (own is None or one.id != own.id)
    ]
    rows = [one for one in (own, *others) if one is not None and one.id != recording.id]
    return [one for one in rows if one.state not in GONE and _close(tx, one, recording)]


def _came_after(row: Recording, tombstone: Recording, at: datetime | None) -> bool:
    """Return whether a recording of another door is surely not one that was beside the tombstone's before its end."""
    ended = tombstone.erased_at or at
    if (
        ended is None
        and tombstone.state is State.REFUSED
        and None in {row.connection_id, tombstone.connection_id}
    ):
        # An upload beside what a connection announced under its name would be the same recording.
        ended = tombstone.received_at
    return ended is not None and row.received_at > ended


def _close(tx: Transaction, row: Recording, tombstone: Recording) -> bool:
    if tombstone.state in GONE and row.call_ref == tombstone.call_ref:
        reapply_erasure(tx, row)
        return True
    restore_refusal(tx, row.id, "refused_before")
    if row.restricted or row.state is State.REFUSED:
        return False
    restrict_again(tx, row, actor=WORKER, causes=["restore"])
    return True


def restore_refusal(tx: Transaction, recording_id: str, code: str) -> None:
    """Refuse and shred a row that has not passed the gate."""
    RestoredRecordings(tx.connection).refuse(recording_id, code)


def restore_pending_erasure(
    tx: Transaction, recording: Recording, *, cause: str, actor: str, at: datetime
) -> None:
    """Record an erasure that is pending by the log."""
    tx.pending_erasures.add(
        PendingErasure(
            recording_id=recording.id, account_id=recording.account_id, since=at, cause=cause, actor=actor
        )
    )


def restore_pending_call(
    tx: Transaction, account_id: str, call_ref: str, *, actor: str, at: datetime
) -> None:
    """Record an erasure of a call's facts that is pending by a closing act."""
    tx.pending_calls.add(PendingCall(account_id=account_id, call_ref=call_ref, since=at, actor=actor))


def restore_contact_end(
    tx: Transaction, recording: Recording, *, ended_at: datetime | None, actor: str, at: datetime
) -> None:
    """Restore the end of a recording's contact from the log, unless a later one is known."""
    end = ContactEnd(
        recording_id=recording.id,
        account_id=recording.account_id,
        ended_at=ended_at,
        told_at=at,
        told_by=actor,
    )
    if tx.contact_ends.put(end):
        tx.retention.call_changed(recording.account_id, recording.call_ref)


def fail_without_key(tx: Transaction, account_id: str) -> int:
    """Fail recordings in flight that a deleted version of the account's key sealed; return the count."""
    return RestoredRecordings(tx.connection).fail_without_key(account_id)


def destroy_key(tx: Transaction, account_id: str, version: int) -> None:
    """Delete a version of an account's key that the log says is destroyed, and what only that version opens."""
    if tx.restore.key_destroyed(account_id, version):
        fail_without_key(tx, account_id)


def refuse_stale(tx: Transaction) -> int:
    """Refuse recordings in flight that were received before their account's switch was last off; return the count."""
    return len(RecordingStates(tx.connection).refuse_stale(SWITCHED_OFF))
