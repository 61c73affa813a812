"""Bring a recording in by another way than before: start a failed one over, or replace an announcement.

Both run in the caller's transaction, which holds the account's lock.
"""

from collections.abc import Sequence

from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.calls.call import Voice
from vault.domain.recordings.recording import NEWER_URL, Recording, SealedAnnouncement
from vault.domain.recordings.transitions import START_OVER
from vault.services.lifecycle.lifecycle import Cause, append_event


def start_over(tx: Transaction, failed: Recording, new: NewRecording, *, actor: str) -> Recording:
    """Begin a failed recording again: it counts as received now, under the current epoch of the switch.

    Raises Busy if another client did so first, and KeyRetired.
    """
    cause = Cause(actor=actor, result=failed.reasons[0].code if failed.reasons else None)
    append_event(tx, START_OVER, account_id=failed.account_id, recording_id=failed.id, cause=cause)
    epoch = tx.accounts.switch(new.account_id).epoch
    becomes_announced = failed.connection_id is None and new.connection_id is not None
    return RecordingStates(tx.connection).start_over(
        failed.id, new, epoch=epoch, source=new if becomes_announced else None
    )


def replace_announcement(
    tx: Transaction,
    recording: Recording,
    older: bytes | None,
    newer: SealedAnnouncement,
    *,
    voices: Sequence[Voice],
    source: NewRecording | None = None,
) -> Recording | None:
    """Replace the announcement of a recording that has not arrived; None if its row has changed since it was read.

    ``source``: the announcement that makes an upload a recording of its connection. Raises KeyRetired.
    """
    states = RecordingStates(tx.connection)
    return states.replace_announcement(
        recording, older, newer, voices=voices, reasons=(NEWER_URL,), source=source
    )
