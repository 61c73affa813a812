"""JSON schemas of the access log."""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vault.domain.audit_log.access_event import LoggedEvent
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.audit_log.history import HistoryItem
from vault.services.audit_log.access_log import EventFilter
from vault.web.schemas.base import Body, MomentIn, MomentOut


def _known(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError("must be a type of event of the access log")
    return name


class EventsQuery(Body):
    """Filters for a list of access events."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    recording: Annotated[str, Field(max_length=64)] | None = None
    #: The listener's name in the link.
    listener: Annotated[str, Field(max_length=200)] | None = None
    #: Events of these types; it may be repeated.
    type: Annotated[list[Annotated[str, AfterValidator(_known)]], Field(max_length=200, default_factory=list)]
    #: Who acted: the id of an API key, a person or a session, `worker` or `operator`.
    actor: Annotated[str, Field(max_length=64)] | None = None
    #: Events at or after this time.
    since: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Events before this time.
    until: Annotated[MomentIn | None, Field(alias="to")] = None
    #: The index of the first event on the page.
    cursor: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200

    @property
    def filter(self) -> EventFilter:
        """Return which events are wanted."""
        return EventFilter(
            recording_id=self.recording,
            listener=self.listener,
            types=frozenset(self.type) or None,
            actor=self.actor,
            since=self.since,
            until=self.until,
        )


class EventOut(BaseModel):
    """An access event."""

    #: Its leaf index in the log's tree.
    index: int
    type: str
    at: MomentOut
    actor: str
    recording: str | None = None
    link: str | None = None
    session: str | None = None
    first: int | None = None
    end: int | None = None
    result: str | None = None
    #: The digest of the newest entry in the recording's chain of evidence.
    evidence: str | None = None
    #: The SHA-256 of the token, signed by a customer's key, that let the listener in.
    permission: str | None = None
    detail: dict[str, str] = {}
    #: The exact bytes of the log's leaf, in base64.
    leaf: str

    @classmethod
    def of(cls, logged: LoggedEvent, detail: Mapping[str, str]) -> "EventOut":
        """Show an event."""
        event = logged.event
        same = ("type", "at", "actor", "first", "end", "result", "evidence", "permission")
        return cls(
            **{name: getattr(event, name) for name in same},
            index=logged.index,
            recording=event.recording_id,
            link=event.link_id,
            session=event.session_id,
            detail=dict(detail),
            leaf=base64.b64encode(logged.leaf).decode(),
        )


class EventsOut(BaseModel):
    """A page of access events, in log order."""

    items: list[EventOut]
    next_cursor: str | None = None


class GrowthQuery(Body):
    """The two log sizes of a consistency proof."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: The size of the earlier checkpoint.
    old_size: Annotated[int, Field(alias="from", ge=0, le=2**62)]
    #: The size of the later checkpoint.
    size: Annotated[int, Field(alias="to", ge=0, le=2**62)]


class ExportQuery(Body):
    """The options of an export."""

    model_config = ConfigDict(extra="forbid")
    #: Sizes of earlier checkpoints with which the export can be compared.
    earlier: Annotated[
        list[Annotated[int, Field(ge=0, le=2**62)]], Field(max_length=100, default_factory=list)
    ]


class GrowthOut(BaseModel):
    """A consistency proof (RFC 6962, section 2.1.2)."""

    model_config = ConfigDict(populate_by_name=True)
    old_size: Annotated[int, Field(alias="from")]
    size: Annotated[int, Field(alias="to")]
    #: SHA-256 hashes in base64, in the order of the RFC; empty if the sizes are equal or `from` is 0.
    hashes: list[str]

    @classmethod
    def of(cls, asked: GrowthQuery, hashes: Sequence[bytes]) -> "GrowthOut":
        """Show a proof."""
        encoded = [base64.b64encode(digest).decode() for digest in hashes]
        return cls(old_size=asked.old_size, size=asked.size, hashes=encoded)


class HistoryItemOut(BaseModel):
    """A sentence of a recording's history."""

    at: MomentOut
    kind: str
    text: str
    #: The leaf index of its first access event; null if it comes from the recording's database row only.
    index: int | None = None
    #: Granted range in whole seconds of the audio, rounded outwards within its duration.
    first_second: int | None = None
    last_second: int | None = None
    #: The listener's name in the link.
    listener: str | None = None
    actor: str | None = None

    @classmethod
    def of(cls, item: HistoryItem) -> "HistoryItemOut":
        """Show a sentence."""
        return cls(**{name: getattr(item, name) for name in cls.model_fields})


class HistoryOut(BaseModel):
    """The history of a recording, oldest first."""

    recording: str
    items: list[HistoryItemOut]
    #: Always null: the history has one page.
    next_cursor: str | None = None
