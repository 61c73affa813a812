"""JSON schemas of a whole call."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.calls.call import Direction
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
    """The search for calls: by number, by metadata, those that have changed, or those without a recording."""

    #: Caller or callee, in any notation.
    number: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    #: Calls of the last 14 days that ended at least an hour ago and have no recording; not together with `number`.
    without_recording: bool = False
    #: A key and its exact value, as `order:4711`; given several times, a call must have each.
    metadata: MetadataTerms
    #: Calls that have changed since: `0`, or the `changed_until` of an answer.
    changed_since: Annotated[str, Field(min_length=1, max_length=1200)] | None = None
    #: Only calls that were reported with this direction.
    direction: Direction | None = None
    #: Only calls that webhooks of the connection of this name have reported.
    connection: Annotated[str, Field(max_length=128)] | None = None
    #: The ``next_cursor`` of the previous page; not together with `changed_since`.
    cursor: Annotated[str, Field(max_length=200)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ListedCallOut(CallFactsOut):
    """A call in a list."""

    #: Among changes: the call was erased, and of it only its name is left.
    erased: bool = False

    @classmethod
    def of_listed(cls, one: "ListedCall | CallView") -> "ListedCallOut":
        """Show a call."""
        erased = isinstance(one, ListedCall) and one.erased
        return cls(**CallFactsOut.of(one.facts, one.metadata).model_dump(), erased=erased)


class CallsOut(BaseModel):
    """A page of calls: those of a number, or with metadata, ordered by `call_ref`; changes in their order."""

    items: list[ListedCallOut]
    next_cursor: str | None = None
    #: From where to ask for changes again.
    changed_until: str | None = None
    #: Whether there may be more changes already.
    more_changes: bool | None = None


class ErasedCallOut(BaseModel):
    """An erased call, and its recordings, whose objects are deleted within seconds."""

    call_ref: str
    recordings: list[CallRecordingOut]

    @classmethod
    def of(cls, call_ref: str, recordings: Sequence[Recording]) -> "ErasedCallOut":
        """Show an erased call."""
        return cls(call_ref=call_ref, recordings=[CallRecordingOut.of(recording) for recording in recordings])
