"""Whether a recording has a URL that the attempt which ends now has not fetched."""

from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import Lease, State


def has_untried_url(tx: Transaction, lease: Lease) -> bool:
    """Return whether the row was announced since the attempt began; its row is locked then."""
    recording, announcement = lease.recording, lease.announcement
    now = RecordingStates(tx.connection).lock(recording.account_id, recording.id)
    if now is None or not now.has_newer_url:
        return False
    if recording.state is State.STORED:
        return True
    sealed = tx.recordings.announcement(recording.id)
    return sealed is not None and (announcement is None or sealed.message != announcement.message)
