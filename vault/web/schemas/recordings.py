"""JSON schemas of recordings and links."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.playback.link import Link, Purpose, Session, SessionState
from vault.domain.recordings.recording import State
from vault.services.recordings.recordings import RecordingView
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text
from vault.web.schemas.calls import ReasonOut
from vault.web.schemas.fetches import FetchOut


class CallFactsOut(BaseModel):
    """The facts of a call."""

    model_config = ConfigDict(populate_by_name=True)
    call_ref: str
    direction: str | None = None
    caller: Annotated[str | None, Field(serialization_alias="from")] = None
    callee: Annotated[str | None, Field(serialization_alias="to")] = None
    started_at: MomentOut | None = None
    answered_at: MomentOut | None = None
    ended_at: MomentOut | None = None
    agent: str | None = None
    #: The caller's place, as reported by the platform.
    caller_place: Annotated[str | None, Field(serialization_alias="from_place")] = None
    #: The callee's place, as reported by the platform.
    callee_place: Annotated[str | None, Field(serialization_alias="to_place")] = None
    language: str | None = None


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
    #: `admin`, `review` (a retention class) or `restore`. Empty if an earlier release restricted it.
    restricted_by: list[str] = []
    #: Null for a key without `recordings:read`.
    call: CallFactsOut | None = None
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
        """Show a recording; with ``with_call``, also the facts of its call."""
        recording, facts = view.recording, view.facts
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
            call=CallFactsOut(**{name: getattr(facts, name) for name in type(facts).__slots__})
            if with_call
            else None,
            bytes=recording.audio.size if recording.audio else None,
            rendition=recording.rendition is not None,
        )


class RecordingsOut(BaseModel):
    """A page of recordings, newest first."""

    items: list[RecordingOut]
    next_cursor: str | None = None


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


class SessionOut(BaseModel):
    """The state of a session, for the holder of its cookie."""

    state: SessionState
    #: Heading for the listener; empty while the session is open.
    title: str
    #: Sentence for the listener; empty while the session is open.
    text: str
    seconds_left: int

    @classmethod
    def of(
        cls, session: Session, state: SessionState, closed: Mapping[str, Mapping[str, str]], *, now: datetime
    ) -> "SessionOut":
        """Show a session; ``closed`` has a title and a text for each state but ``open``."""
        words = closed.get(state, {})
        title, text = words.get("title", ""), words.get("text", "")
        left = max(0, int((session.ends_at - now).total_seconds())) if state == "open" else 0
        return cls(state=state, title=title, text=text, seconds_left=left)


class LinkIn(Body):
    """A link to create."""

    #: The listener's name.
    listener: Text
    kind: Literal["player", "media"] = "player"
    #: Lifetime in seconds.
    expires_in: Annotated[int, Field(ge=1, le=86_400)] | None = None
    sessions: Annotated[int, Field(ge=1, le=1000)] | None = None
    networks: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(max_length=64, default_factory=list)
    ]
    #: Whether the player offers the original as a file.
    download: Flag = False
    #: Why the listener listens: it is logged, and a person who asks for access is told it. `consent_check` also plays a
    #: recording in quarantine, in one session of the player within 15 minutes; the key needs `quarantine:listen`.
    purpose: Purpose | None = None
    #: More about the purpose: encrypted in the access log.
    purpose_text: Text | None = None


class LinkMadeOut(BaseModel):
    """A new link; its URL is only shown here."""

    id: str
    url: str
    expires_at: MomentOut


class LinkOut(BaseModel):
    """A link, without its URL."""

    id: str
    recording: str
    kind: str
    listener: str
    created_by: str
    created_at: MomentOut
    expires_at: MomentOut
    sessions: int
    networks: list[str]
    download: bool
    purpose: Purpose | None = None
    revoked_at: MomentOut | None = None

    @classmethod
    def of(cls, link: Link, listener: str) -> "LinkOut":
        """Show a link."""
        same = (
            "id",
            "kind",
            "created_by",
            "created_at",
            "expires_at",
            "sessions",
            "download",
            "revoked_at",
            "purpose",
        )
        return cls(
            **{name: getattr(link, name) for name in same},
            recording=link.recording_id,
            networks=list(link.networks),
            listener=listener,
        )


class LinksQuery(Body):
    """Filters for a list of an account's links."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: The listener's name in the link.
    listener: Text | None = None
    #: Only links that can still be opened.
    open: bool = False
    #: Made at or after this time.
    made_from: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Made before this time.
    made_to: Annotated[MomentIn | None, Field(alias="to")] = None
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class RevocationIn(Body):
    """The links to revoke: of a recording, of a listener, or, without either, all links of the account."""

    recording: Annotated[str, Field(max_length=64)] | None = None
    listener: Text | None = None


class RevocationOut(BaseModel):
    """The result of a revocation."""

    #: Number of links revoked by this request, without those revoked before.
    revoked: int


class LinksOut(BaseModel):
    """Links, newest first."""

    items: list[LinkOut]
    next_cursor: str | None = None


class ReceiptOut(BaseModel):
    """The result of a webhook."""

    status: Literal["accepted", "duplicate", "refused", "erased", "noted", "ignored"]
    recording: str | None = None
    #: Why the event was ignored.
    detail: str | None = None
