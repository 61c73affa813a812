"""A recording and its states. The state column is the queue: there is no separate job table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from vault.domain.accounts.account import SourcePolicy
from vault.domain.calls.call import Kind, Voice
from vault.domain.reason import Reason

#: A row is unique by account, connection and key. The key is the name, unless another call of the connection had that
#: name first: then the call follows the name. No name has a control character.
_SEPARATOR: Final = "\x1f"
#: Why a recording is restricted; that ends when every cause may, each by what may end it. Besides the requests of
#: persons: a party of the call said no; somebody restricted it; its retention class asks for a
#: review; a restore did not find its manifest.
Cause = Literal["caller", "callee", "agent", "admin", "review", "restore"]
CAUSES: Final[tuple[Cause, ...]] = ("caller", "callee", "agent", "admin", "review", "restore")
#: What the events of a restriction by a restore say of it.
RESTORED: Final = frozenset({"manifest_missing", "switched_off", "objection"})


def row_key_in_call(name: str, call_ref: str) -> str:
    """Return the key of a recording whose name another call had first."""
    return f"{name}{_SEPARATOR}{call_ref}"


def row_keys_of(name: str, call_ref: str) -> tuple[str, str]:
    """Return both keys that a recording of this name and call may have."""
    return name, row_key_in_call(name, call_ref)


def name_in_row_key(key: str) -> str:
    """Return the name in a key."""
    return key.partition(_SEPARATOR)[0]


class State(StrEnum):
    """The state of a recording. A recording is always in exactly one state."""

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


#: Stands among the reasons of a recording whose platform announced a URL that no attempt has fetched yet: if the
#: attempt that runs fails, that URL is fetched, where the recording would otherwise fail for good.
NEWER_URL: Final = Reason(
    code="newer_url", text="The URL that was announced last is not fetched yet; it is fetched next."
)
#: Shredded: irreversible.
GONE = (State.ERASING, State.ERASED)
#: For good: neither is sent again.
CLOSED = (State.REFUSED, *GONE)
#: In which a recording has no content, and gets none.
EMPTY = frozenset({State.REFUSED, State.FAILED, *GONE})
#: States that turning the switch off refuses.
IN_FLIGHT = (State.RECEIVED, State.TRANSFERRING, State.STORED, State.RETRY_WAIT, State.QUARANTINED)

#: States in which a recording waits for a worker, or is processed by one.
WORK = (State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED, State.ERASING)

#: Duration of a worker's lease on a row, and the interval at which the worker renews it.
LEASE = timedelta(seconds=90)
RENEWAL = timedelta(seconds=30)
#: How long an interrupted upload waits for its client before it fails.
UPLOAD_IDLE_TIMEOUT = timedelta(hours=1)

#: How a recording arrived; reconcile: in the provider's list, without a webhook.
Arrival = Literal["webhook", "upload", "reconcile"]


def origin_of(arrival: Arrival, traceparent: str | None) -> str | None:
    """Return ``Recording.origin``: None where the row says it already, ``traceparent`` while tracing is on."""
    if traceparent is not None:
        return f"{arrival} {traceparent}"
    return arrival if arrival == "reconcile" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedObject:
    """One sealed object of a recording: its location, and the header that its reader requires."""

    #: The key in the object store, unique per attempt.
    location: str
    #: The message's header with its tag, stored in the row so that a seek costs one GET.
    header: bytes
    #: Plaintext bytes.
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording's row, without keys and sealed columns."""

    id: str
    account_id: str
    #: None for a direct upload.
    connection_id: str | None
    #: The key of its name in the row.
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
    #: The party on each channel; empty where the platform did not report it.
    voices: tuple[Voice, ...]
    source_ref: str | None
    source_policy: SourcePolicy
    #: Attempts to delete the provider's copy.
    source_attempts: int
    source_deleted_at: datetime | None
    damaged: bool
    restricted: bool
    #: When the quarantine ends with a refusal; None outside quarantine.
    quarantined_until: datetime | None
    #: This and the fields down to ``rendition`` are set once the audio was decoded.
    container: str | None
    codec: str | None
    channels: int | None
    sample_rate: int | None
    duration: float | None
    audio: SealedObject | None
    rendition: SealedObject | None
    available_at: datetime | None
    erased_at: datetime | None
    #: How it arrived, and the W3C trace context of the span that announced it if it was traced.
    origin: str | None = None
    #: When it is due for its next attempt, in a state in which it waits for one.
    not_before: datetime | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Return its source's name of it, unique in its call."""
        return name_in_row_key(self.recording_ref)

    @property
    def has_newer_url(self) -> bool:
        """Return whether ``NEWER_URL`` stands among its reasons."""
        return any(reason.code == NEWER_URL.code for reason in self.reasons)

    @property
    def locations(self) -> list[str]:
        """Return the keys of the objects that the row names."""
        return [part.location for part in (self.audio, self.rendition) if part is not None]

    @property
    def arrival(self) -> Arrival:
        """Return how it arrived."""
        if self.connection_id is None:
            return "upload"
        return "reconcile" if (self.origin or "").startswith("reconcile") else "webhook"

    @property
    def traceparent(self) -> str | None:
        """Return the trace context of its announcement."""
        return (self.origin or "").partition(" ")[2] or None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RecordingKeys:
    """The row's keys and sealed columns: deleted when the recording is shredded."""

    #: The account key version that wraps the recording key, or that was current when the month key wrapped it.
    key_version: int
    #: The month key that wraps the recording key; None where the account key wraps it directly.
    month_key: str | None
    wrapped_key: bytes
    #: The evidence digest that every sealed part is bound to.
    evidence: str
    details: bytes | None
    waveform: bytes | None


class SealedAnnouncement(NamedTuple):
    """A sealed announcement, and the month key, or the version of the account key, that sealed it."""

    message: bytes
    key_version: int
    month_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The exclusive right to process one row. Every write carries the token; a lost lease changes nothing."""

    recording: Recording
    token: str
    #: None for an upload, and once it is not needed.
    announcement: SealedAnnouncement | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """A filter on recordings. None means any."""

    state: State | None = None
    call_ref: str | None = None
    #: The name of a class of the retention policy, as computed for the recording.
    retention_class: str | None = None
    #: Blind-index terms: the recording or its call must have one of each group.
    terms: tuple[tuple[bytes, ...], ...] = ()
    received_from: datetime | None = None
    received_to: datetime | None = None
    #: The id of the connection that announced it.
    connection_id: str | None = None
    #: The ids of connections of which one announced it.
    connection_ids: tuple[str, ...] | None = None
    #: The platform's name of the recording; with ``call_ref``.
    name: str | None = None
    ids: tuple[str, ...] | None = None
    #: Keyed hashes of metadata: the recording or its call must have each.
    metadata: tuple[bytes, ...] = ()


def named_at(door: str | None, named: Sequence[Recording]) -> Sequence[Recording]:
    """Return which of a call's recordings of one name the name stands for at a door; empty: it is free there.

    ``door`` is the connection that announces it, or None for an upload. What came in by the door itself is first. Then
    comes what was refused or erased: it closes the name at every door. An upload is what any connection announces under
    its name, and the other way round; two connections have separate names. More than one: the name says too little.
    """
    own = [one for one in named if one.connection_id == door]
    closed = sorted(
        (one for one in named if one.state in CLOSED), key=lambda one: (one.state is State.REFUSED, one.id)
    )
    if closed and all(one.state is State.FAILED for one in own):
        return closed[:1]
    return own or [one for one in named if door is None or one.connection_id is None]


def causes_in(results: Iterable[str | None]) -> list[str]:
    """Return the causes of a restriction that its events say: of CAUSES, or ids of requests of persons.

    None for an event of an earlier release; and for the no of a party, which the consent events of the call say.
    """
    causes = {"restore" if result in RESTORED else result or "" for result in results}
    return sorted(cause for cause in causes if cause in CAUSES or cause.startswith("req_"))


def requests_of(causes: Iterable[str]) -> list[str]:
    """Return the requests of persons among the causes."""
    return [cause for cause in causes if cause not in CAUSES]
