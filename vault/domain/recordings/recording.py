"""A recording and the states it goes through. The state is the queue: there is no job beside it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vault.domain.accounts.account import SourcePolicy
from vault.domain.calls.call import Kind, Voice
from vault.domain.reason import Reason


class State(StrEnum):
    """Where a recording is on its way. A recording is always in exactly one state."""

    RECEIVED = "received"
    TRANSFERRING = "transferring"
    RETRY_WAIT = "retry_wait"
    STORED = "stored"
    QUARANTINED = "quarantined"
    AVAILABLE = "available"
    REFUSED = "refused"
    FAILED = "failed"
    ERASING = "erasing"
    ERASED = "erased"


#: Every arrow there is. A store refuses any other.
ARROWS: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.TRANSFERRING, State.REFUSED, State.ERASING}),
    State.TRANSFERRING: frozenset(
        {State.STORED, State.RETRY_WAIT, State.TRANSFERRING, State.FAILED, State.REFUSED, State.ERASING}
    ),
    State.RETRY_WAIT: frozenset({State.TRANSFERRING, State.FAILED, State.REFUSED, State.ERASING}),
    State.STORED: frozenset(
        {State.AVAILABLE, State.QUARANTINED, State.RETRY_WAIT, State.FAILED, State.REFUSED, State.ERASING}
    ),
    State.QUARANTINED: frozenset({State.AVAILABLE, State.REFUSED, State.ERASING}),
    State.AVAILABLE: frozenset({State.ERASING}),
    # A client may send an upload that failed once more.
    State.FAILED: frozenset({State.RECEIVED, State.ERASING}),
    State.REFUSED: frozenset({State.ERASING}),
    State.ERASING: frozenset({State.ERASED}),
    State.ERASED: frozenset(),
}
#: Shredded: nothing leads out of these.
GONE = (State.ERASING, State.ERASED)
#: What the switch refuses when it goes off.
IN_FLIGHT = (State.RECEIVED, State.TRANSFERRING, State.STORED, State.RETRY_WAIT, State.QUARANTINED)

#: How long a worker holds a row without renewing, and how often it renews.
LEASE = timedelta(seconds=90)
RENEWAL = timedelta(seconds=30)
#: How long an upload that was cut off waits for its client, before it is given up.
UPLOAD_IDLE_TIMEOUT = timedelta(hours=1)
#: Attempts before a recording fails for good: with the backoff below, about a day.
MAX_ATTEMPTS = 24
_FIRST_BACKOFF = timedelta(seconds=2)
_MAX_BACKOFF = timedelta(hours=2)


def backoff_before(attempt: int, jitter: float) -> timedelta:
    """Return how long to wait before the attempt after ``attempt`` (from 1); ``jitter`` is in [0, 1)."""
    full = min(_MAX_BACKOFF, _FIRST_BACKOFF * (1 << min(attempt - 1, 20)))
    return full * (0.5 + jitter / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedObject:
    """One sealed object of a recording: where it lies, and what its reader pins."""

    #: The key in the object store, unique to the attempt that wrote it.
    location: str
    #: The message's header with its tag, kept in the row so that a seek is one GET.
    header: bytes
    #: Plaintext bytes.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording's row, without its keys and sealed blobs."""

    id: str
    account_id: str
    #: None for a direct upload.
    connection_id: str | None
    recording_ref: str
    call_ref: str
    state: State
    reasons: tuple[Reason, ...]
    #: The switch's epoch at receipt.
    epoch: int
    received_at: datetime
    call_started_at: datetime | None
    call_ended_at: datetime | None
    attempts: int
    kind: Kind
    #: Who is heard on each channel; empty where the platform did not say.
    voices: tuple[Voice, ...]
    source_ref: str | None
    source_policy: SourcePolicy
    #: How often the deletion of the provider's copy was begun.
    source_attempts: int
    source_deleted_at: datetime | None
    damaged: bool
    restricted: bool
    #: When its quarantine ends in refusal; None where it is in none.
    quarantined_until: datetime | None
    #: Known once the audio was described.
    container: str | None
    codec: str | None
    channels: int | None
    sample_rate: int | None
    duration: float | None
    audio: SealedObject | None
    rendition: SealedObject | None
    available_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RecordingKeys:
    """The part of the row that opens it: gone at the moment the recording is shredded."""

    #: The version of the account key that wrapped the recording key.
    key_version: int
    wrapped_key: bytes
    #: The digest of the evidence that every sealed part is bound to.
    evidence: str
    details: bytes | None
    waveform: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to move one row on. Every write carries the token; who lost it changes nothing."""

    recording: Recording
    token: str
