"""JSON schemas of links and sessions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vault.domain.playback.link import (
    DEFAULT_LIFETIME,
    DEFAULT_SESSIONS,
    Link,
    Purpose,
    Session,
    SessionState,
)
from vault.domain.recordings.media import MAX_DURATION
from vault.services.playback.closing_sessions import MAX_WAIT
from vault.services.playback.link_request import LinkRequest
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text

#: A position in the audio of the longest recording.
_Second = Annotated[float, Field(ge=0, le=MAX_DURATION, allow_inf_nan=False)]


def _in_order(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError("must begin before it ends")
    return span


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


class StateQuery(Body):
    """How a player asks for its session's state."""

    #: Seconds to wait while the session is open; it may be answered before.
    wait: Annotated[int, Field(ge=0, le=int(MAX_WAIT.total_seconds()))] = 0


class HeardIn(Body):
    """What a player has played since its last report."""

    #: Spans of the audio in seconds: beginning and end.
    spans: Annotated[
        list[Annotated[tuple[_Second, _Second], AfterValidator(_in_order)]], Field(max_length=100)
    ]


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

    def request(self, *, may_open_restricted: bool, may_open_quarantined: bool) -> LinkRequest:
        """Convert to the service's request, with what is usual in the place of what is left out."""
        has_one_session = self.kind == "media" or self.purpose == "consent_check"
        return LinkRequest(
            listener=self.listener,
            kind=self.kind,
            life=DEFAULT_LIFETIME if self.expires_in is None else timedelta(seconds=self.expires_in),
            sessions=self.sessions or (1 if has_one_session else DEFAULT_SESSIONS),
            networks=self.networks,
            download=self.download,
            purpose=self.purpose,
            purpose_text=self.purpose_text,
            may_open_restricted=may_open_restricted,
            may_open_quarantined=may_open_quarantined,
        )


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
