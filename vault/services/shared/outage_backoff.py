"""The backoff of a recording whose work met a part of the vault that is down."""

from datetime import timedelta

from vault.domain.recordings.recording import BACKOFF, OUTAGE_BACKOFF
from vault.errors import OwnKeyUnusable, RecordingMissing, Unavailable


def backoff_after(error: Unavailable, attempts: int) -> timedelta:
    """Return the backoff after ``attempts`` attempts, the last of which ended with ``error``.

    It is short where the error concerns every recording, because it ends for all together. It grows where only one
    account or one recording is concerned: its owner may take days.
    """
    own = isinstance(error, (OwnKeyUnusable, RecordingMissing))
    return (BACKOFF if own else OUTAGE_BACKOFF).after(attempts)
