"""JSON schemas of recordings, and of how an announced one is fetched."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vault.domain.recordings.fetch_attempts import MAX_FETCHES, longest_wait
from vault.domain.recordings.media import MAX_DURATION
from vault.domain.recordings.recording import Recording, State
from vault.domain.recordings.redaction import MAX_SPANS, Span
from vault.domain.recordings.transitions import CLAIM
from vault.services.recordings.recordings import RecordingView
from vault.web.schemas.base import Body, MomentIn, MomentOut, Text
from vault.web.schemas.calls.calls import CallFactsOut, ReasonOut
from vault.web.schemas.calls.metadata import MetadataTerms


class FetchOut(BaseModel):
    """How a recording that has not arrived is being fetched."""

    #: Attempts so far, with the one that runs.
    attempts: int
    max_attempts: int
    #: When the next attempt begins; null while one runs.
    next_attempt_at: MomentOut | None
    #: When it fails at the latest, if no attempt succeeds.
    fails_by: MomentOut

    @classmethod
    def of(cls, recording: Recording) -> "FetchOut | None":
        """Show it; None for what has arrived or ended, and for an upload."""
        due = recording.not_before
        if recording.connection_id is None or recording.state not in CLAIM.sources or due is None:
            return None
        runs = recording.state is State.TRANSFERRING
        return cls(
            attempts=recording.attempts,
            max_attempts=MAX_FETCHES,
            next_attempt_at=None if runs else due,
            fails_by=due + longest_wait(recording.attempts),
        )


class RetryIn(Body):
    """Where a recording is fetched from."""

    #: The URL of the audio, as in the webhook. Default: the one that was announced last.
    recording_url: Annotated[str, Field(min_length=1, max_length=4096)] | None = None


_Second = Annotated[float, Field(ge=0, le=MAX_DURATION, allow_inf_nan=False)]


class RangeIn(Body):
    """A part of a recording, in seconds from its beginning."""

    begin: Annotated[_Second, Field(alias="from")]
    end: Annotated[_Second, Field(alias="to")]
    #: From 0; all channels where none is named.
    channels: Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(max_length=2, default_factory=list)]


class RedactionIn(Body):
    """What is removed from a recording, and why: ranges, or what a proposal names."""

    ranges: Annotated[list[RangeIn], Field(min_length=1, max_length=MAX_SPANS)] | None = None
    #: The id of a proposal on the recording: half a second on both sides is removed too.
    proposal: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    reason: Text

    @model_validator(mode="after")
    def _check_one(self) -> "RedactionIn":
        """Refuse both, and neither."""
        if (self.ranges is None) == (self.proposal is None):
            raise ValueError("Send ranges or proposal, and not both.")
        return self

    def spans(self) -> list[Span]:
        """Return the ranges in whole milliseconds, never less than what was named."""
        return [
            Span(
                begin_ms=math.floor(one.begin * 1000),
                end_ms=math.ceil(one.end * 1000),
                channels=tuple(one.channels),
            )
            for one in self.ranges or []
        ]


class SourceOut(BaseModel):
    """The provider's copy of a recording."""

    #: When the copy is deleted: never, once the vault stored the recording, once it was refused, or in both cases.
    policy: Literal["keep", "stored", "refused", "always"]
    deleted_at: MomentOut | None = None


class FlagsOut(BaseModel):
    """Flags of a recording."""

    damaged: bool
    restricted: bool
    #: Whether a hold keeps it from being erased.
    legal_hold: bool


class RecordingOut(BaseModel):
    """A recording."""

    id: str
    recording_ref: str
    state: str
    reasons: list[ReasonOut]
    flags: FlagsOut
    #: Why it is restricted: `caller`, `callee` or `agent` for a party that said no, the id of a request of a person,
    #: `admin`, `review` (a retention class) or `restore`. Empty if an earlier release restricted it. After a restore, a
    #: cause that was added to another one in the lost time is missing.
    restricted_by: list[str] = []
    #: Null for a key without `recordings:read`.
    call: CallFactsOut | None = None
    #: The recording's own; null for a key without `recordings:read`.
    metadata: dict[str, str] | None = None
    kind: Literal["call", "voicemail"]
    #: The party on each channel; empty if the platform did not report it.
    voices: list[Literal["caller", "callee", "all", "unknown"]]
    source: SourceOut
    received_at: MomentOut
    available_at: MomentOut | None = None
    #: When a recording in quarantine is refused unless it is released before.
    quarantined_until: MomentOut | None = None
    erased_at: MomentOut | None = None
    #: The attempts to fetch it; null unless it is announced and has not arrived.
    fetch: FetchOut | None = None
    #: Seconds, counted from decoded samples.
    duration: float | None = None
    channels: int | None = None
    sample_rate: int | None = None
    container: str | None = None
    codec: str | None = None
    bytes: int | None = None
    #: Whether browsers get a rendition instead of the original.
    rendition: bool = False

    @classmethod
    def of(cls, view: RecordingView, *, with_call: bool) -> "RecordingOut":
        """Show a recording; with ``with_call``, also the facts of its call, and metadata."""
        recording = view.recording
        same = (
            "id",
            "received_at",
            "available_at",
            "quarantined_until",
            "erased_at",
            "duration",
            "channels",
            "sample_rate",
            "container",
            "codec",
        )
        return cls(
            **{name: getattr(recording, name) for name in same},
            recording_ref=recording.name,
            state=str(recording.state),
            reasons=[ReasonOut.of(reason) for reason in recording.reasons],
            kind=recording.kind,
            voices=list(recording.voices),
            source=SourceOut(policy=recording.source_policy, deleted_at=recording.source_deleted_at),
            fetch=FetchOut.of(recording),
            flags=FlagsOut(damaged=recording.damaged, restricted=recording.restricted, legal_hold=view.held),
            restricted_by=list(view.restricted_by),
            call=CallFactsOut.of(view.facts, view.call_metadata) if with_call else None,
            metadata=dict(view.metadata) if with_call else None,
            bytes=recording.audio.size if recording.audio else None,
            rendition=recording.rendition is not None,
        )


class RecordingsOut(BaseModel):
    """A page of recordings, newest first; with `changed_since` in the order of their changes."""

    items: list[RecordingOut]
    next_cursor: str | None = None
    #: The `changed_since` that finds what changes after this answer; null on a page with a `cursor`.
    changed_until: int | None = None
    #: With `changed_since`: whether to ask again with `changed_until` immediately.
    more_changes: bool | None = None


class RecordingsQuery(Body):
    """Filters for a list of recordings."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: Caller or callee, in E.164.
    number: Annotated[str, Field(max_length=200)] | None = None
    call: Annotated[str, Field(max_length=200)] | None = None
    agent: Annotated[str, Field(max_length=200)] | None = None
    #: Received at or after this time.
    received_from: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Received before this time.
    received_to: Annotated[MomentIn | None, Field(alias="to")] = None
    state: State | None = None
    #: The name of the connection that announced it.
    connection: Annotated[str, Field(max_length=128)] | None = None
    #: The platform's name of the recording; only with `call`.
    recording_ref: Annotated[str, Field(max_length=200)] | None = None
    #: Only recordings that have changed since: the `changed_until` of an answer, or 0.
    changed_since: Annotated[int, Field(ge=0, le=2**53)] | None = None
    #: A key and its exact value, as `order:4711`, in the metadata of the recording or of its call; given several times,
    #: each must match.
    metadata: MetadataTerms
    #: The class of the retention policy that keeps it.
    retention_class: Annotated[str, Field(max_length=64)] | None = None
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class WaveformOut(BaseModel):
    """The peaks and the loudness of each channel."""

    #: Points of the peaks.
    buckets: int
    #: For each channel pairs of the lowest and the highest value, from -128 to 127.
    channels: list[list[int]]
    #: For each channel root mean squares from 0 to 255 (full scale), at equal distances over the recording: four per
    #: second, at least 1000 and at most 8000. Empty for a recording of an earlier release.
    loudness: list[list[int]] = []
