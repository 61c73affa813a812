"""JSON schemas of a whole call."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.recordings.recording import Recording
from vault.services.recordings.calls import CallView, ListedCall
from vault.web.schemas.base import Body, MomentOut
from vault.web.schemas.calls.calls import CallFactsOut, DecisionOut
from vault.web.schemas.calls.metadata import MetadataTerms


class CallRecordingOut(BaseModel):
    """A call's recording, in short."""

    id: str
    recording_ref: str
    state: str
    received_at: MomentOut

    @classmethod
    def of(cls, recording: Recording) -> "CallRecordingOut":
        """Show a recording in short."""
        return cls(
            id=recording.id,
            recording_ref=recording.name,
            state=str(recording.state),
            received_at=recording.received_at,
        )


class CallViewOut(BaseModel):
    """A call: the latest value of each fact, the current decision, and its recordings."""

    call: CallFactsOut
    decision: DecisionOut
    #: A page of them, oldest first.
    recordings: list[CallRecordingOut]
    #: Of the recordings.
    next_cursor: str | None = None

    @classmethod
    def of(cls, view: CallView, *, start: int, limit: int) -> "CallViewOut":
        """Show a call with ``limit`` of its recordings, after the first ``start``."""
        page, left = view.recordings[start : start + limit], view.recordings[start + limit :]
        return cls(
            call=CallFactsOut.of(view.facts, view.metadata),
            decision=DecisionOut.of(view.decision),
            recordings=[CallRecordingOut.of(recording) for recording in page],
            next_cursor=str(start + limit) if left else None,
        )


class CallsQuery(Body):
    """The search for calls: by number, by metadata, or those without a recording."""

    #: Caller or callee, in any notation.
    number: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    #: Calls of the last 14 days that ended at least an hour ago and have no recording; not together with `number`.
    without_recording: bool = False
    #: A key and its exact value, as `order:4711`; given several times, a call must have each.
    metadata: MetadataTerms
    #: The ``next_cursor`` of the previous page.
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CallsOut(BaseModel):
    """A page of calls: those of a number, or with metadata, ordered by `call_ref`."""

    items: list[CallFactsOut]
    next_cursor: str | None = None

    @classmethod
    def of(cls, found: Sequence[ListedCall | CallView], limit: int | None = None) -> "CallsOut":
        """Show a page of ``limit`` calls; without it, the only page."""
        items = [CallFactsOut.of(one.facts, one.metadata) for one in found]
        return cls(items=items, next_cursor=items[-1].call_ref if len(items) == limit else None)


class ErasedCallOut(BaseModel):
    """An erased call, and its recordings, whose objects are deleted within seconds."""

    call_ref: str
    recordings: list[CallRecordingOut]

    @classmethod
    def of(cls, call_ref: str, recordings: Sequence[Recording]) -> "ErasedCallOut":
        """Show an erased call."""
        return cls(call_ref=call_ref, recordings=[CallRecordingOut.of(recording) for recording in recordings])
