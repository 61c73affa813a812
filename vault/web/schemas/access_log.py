"""The JSON of the access log."""

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.audit_log.story import HistoryItem
from vault.ports.access_log import LoggedEvent
from vault.web.schemas.base import Body, MomentIn, MomentOut


class EventsQuery(Body):
    """What a list of access events is narrowed to."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    recording: Annotated[str, Field(max_length=64)] | None = None
    #: The name that a link was made for.
    listener: Annotated[str, Field(max_length=200)] | None = None
    #: The first moment that is meant.
    since: Annotated[MomentIn | None, Field(alias="from")] = None
    #: The first moment that is no longer meant.
    until: Annotated[MomentIn | None, Field(alias="to")] = None
    #: The index with which the page begins.
    cursor: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class EventOut(BaseModel):
    """An access event."""

    #: Its place in the log's tree.
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
    #: The digest at the head of the recording's chain of evidence.
    evidence: str | None = None
    detail: dict[str, str] = {}
    #: The exact bytes that stand in the log, in base64.
    leaf: str

    @classmethod
    def of(cls, logged: LoggedEvent, detail: Mapping[str, str]) -> "EventOut":
        """Show an event."""
        event = logged.event
        same = ("type", "at", "actor", "first", "end", "result", "evidence")
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
    """Access events, in the order of the log."""

    items: list[EventOut]
    next_cursor: str | None = None


class GrowthQuery(Body):
    """Between which sizes of the log growth shall be proved."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: The size of the earlier checkpoint.
    old_size: Annotated[int, Field(alias="from", ge=0, le=2**62)]
    #: The size of the later one.
    size: Annotated[int, Field(alias="to", ge=0, le=2**62)]


class GrowthOut(BaseModel):
    """A consistency proof of RFC 6962, section 2.1.2."""

    model_config = ConfigDict(populate_by_name=True)
    old_size: Annotated[int, Field(alias="from")]
    size: Annotated[int, Field(alias="to")]
    #: SHA-256 hashes in base64, in the order of the RFC; none from nothing, and between equal sizes.
    hashes: list[str]

    @classmethod
    def of(cls, asked: GrowthQuery, hashes: Sequence[bytes]) -> "GrowthOut":
        """Show a proof."""
        written = [base64.b64encode(one).decode() for one in hashes]
        return cls(old_size=asked.old_size, size=asked.size, hashes=written)


class HistoryItemOut(BaseModel):
    """One sentence of a recording's history."""

    at: MomentOut
    kind: str
    text: str
    #: The first event's place in the log's tree; none for what the recording's row alone tells.
    index: int | None = None
    #: Whole seconds of the sound that were granted, rounded outwards within its duration.
    first_second: int | None = None
    last_second: int | None = None
    #: Who the link was made for.
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
    #: The story comes whole.
    next_cursor: str | None = None
