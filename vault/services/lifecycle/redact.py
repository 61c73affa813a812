"""Give a recording audio of which spans were removed, under a new key: one change of its row, and what hangs on it.

What the old key sealed and stays is sealed again under the new one: the evidence, its digests unchanged, and the notes
of listeners. The old key leaves the row here, and the object store with the next manifest, which is due. A committed
change is never undone: it is a closing act, and whatever database comes back, a restore puts this audio in the place of
the old one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.recordings.card_data import FoundDigits
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.recordings.redaction import Span
from vault.domain.recordings.transitions import REDACT
from vault.errors import Busy, NotFound, RecordingErased, Refused
from vault.ports.keys import SealingKey
from vault.sentence import Sentence
from vault.services.lifecycle.audio_columns import DescribedAudio, StoredAudio
from vault.services.lifecycle.delete_packages import delete_packages_with
from vault.services.lifecycle.evidence_chain import append, reseal
from vault.services.lifecycle.guards import forbid_held_recording
from vault.services.lifecycle.lifecycle import Cause, append_event
from vault.services.shared.encrypted_fields import OpenedRecording, wrap_recording_key
from vault.services.shared.sealed_notes import reseal_note

#: Notes in one statement.
_BATCH: Final = 500
_CHANGED: Final = "The recording was changed meanwhile. Send the request again."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAudio:
    """Audio of which spans were removed, sealed and read back."""

    before: OpenedRecording
    after: OpenedRecording
    stored: StoredAudio
    described: DescribedAudio
    #: What the evidence says of it.
    statement: Mapping[str, Any]
    #: What was removed.
    spans: Sequence[Span]
    #: What the detector of keyed digits finds in it; nothing where it was not asked.
    keyed_digits: Sequence[FoundDigits] = ()

    def under(self, key: SealingKey) -> "NewAudio":
        """Return it as its row will hold it: with its own key wrapped under this one."""
        recording = self.before.recording
        wrapped = wrap_recording_key(key, recording.account_id, self.after.key, recording.id)
        stored: StoredAudio = {
            **self.stored, "wrapped_key": wrapped, "key_version": key.version, "month_key": key.month_key,
        }  # fmt: skip
        keys = replace(self.after.keys, wrapped_key=wrapped, key_version=key.version, month_key=key.month_key)
        return replace(self, stored=stored, after=replace(self.after, keys=keys))


def redactable(tx: Transaction, account_id: str, recording_id: str) -> Recording:
    """Return an available recording that no hold covers. Raises NotFound, RecordingErased, Refused, Held."""
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    if recording.state is not State.AVAILABLE:
        state = str(recording.state)
        text = Sentence("The recording is %(state)s, so nothing can be removed from its audio.", state=state)
        raise Refused(text, reasons=(state,))
    forbid_held_recording(tx, recording)
    return recording


def redact(tx: Transaction, new: NewAudio, *, actor: str, at: datetime) -> Recording:
    """Put the new audio in the place of the old one, and end what hangs on that.

    Raises what ``redactable`` does, Busy if the recording was changed since it was read, KeyRetired.
    """
    before = new.before.recording
    tx.lock_account_and_call(before.account_id, before.call_ref)
    recording = redactable(tx, before.account_id, before.id)
    keys = tx.recordings.keys(recording.id)
    if recording.audio != before.audio or keys is None or tx.queue.is_leased(recording.id):
        raise Busy(_CHANGED, retry_after=1)
    chain = [reseal(new.before, new.after, row) for row in tx.evidence.of_recording(recording.id)]
    tx.evidence.replace_all(recording.id, chain)
    changed = RecordingStates(tx.connection).change((REDACT,), recording, _columns(tx, recording, new))
    entry = append(tx, replace(new.after, recording=changed), "redaction", new.statement, at=at)
    _reseal_notes(tx, new)
    everywhere = [span for span in new.spans if len(span.channels) == recording.channels]
    tx.card_data.delete_within(recording.id, everywhere)
    tx.links.end_sessions(recording.id, tx.now())
    delete_packages_with(tx, recording.id, actor=actor, at=at)
    tx.provider_copies.request_deletion(recording.id)
    cause = Cause(actor=actor, at=at, evidence=entry.digest)
    append_event(tx, REDACT, account_id=recording.account_id, recording_id=recording.id, cause=cause)
    return changed


def _columns(tx: Transaction, recording: Recording, new: NewAudio) -> dict[str, object]:
    columns: dict[str, object] = {**new.stored, **new.described}
    if new.described.get("rendition") is None:
        columns |= dict.fromkeys(("rendition_location", "rendition_header", "rendition_size"))
    locked = tx.object_locks.get(recording.id)
    if locked is not None and locked.state != "none":
        # The new objects have no lock yet.
        columns |= {"lock_state": "wanted", "object_locked_until": None, "object_hold": 0}
    return columns


def _reseal_notes(tx: Transaction, new: NewAudio) -> None:
    recording, after = new.before.recording, ""
    while notes := tx.recording_notes.of_recording(
        recording.account_id, recording.id, after=after, limit=_BATCH
    ):
        tx.recording_notes.reseal([reseal_note(new.before, new.after, note) for note in notes])
        after = notes[-1].id
