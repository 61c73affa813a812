"""Bodies and answers of hand-over: what stands in systems, and calls from before."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from vault.database.stores.handover.handovers import HandoverFilter
from vault.domain.handover.handover import Cause, Desired, HandoverState
from vault.services.handover.earlier_calls import Preview
from vault.services.handover.handovers import HandoverView
from vault.web.schemas.base import Body, MomentIn, MomentOut, PageQuery

_Id = Annotated[str, Field(min_length=1, max_length=64)]


class PreviewOut(BaseModel):
    """What would be handed over of one recording."""

    recording: str
    agent: str | None
    direction: str | None
    caller: str | None
    callee: str | None
    started_at: MomentOut
    #: Seconds.
    duration: float | None
    #: The doorway of the recording.
    address: str
    #: Why nothing would be; null: the number of the other party would be looked up first.
    cause: Cause | None

    @classmethod
    def of(cls, one: Preview) -> Self:
        """Return the item of a preview."""
        text = one.text
        seconds = None if text.duration is None else text.duration.total_seconds()
        return cls(
            recording=one.recording_id, agent=text.agent, direction=text.direction, caller=text.caller,
            callee=text.callee, started_at=text.started_at, duration=seconds, address=text.address,
            cause=one.cause,
        )  # fmt: skip


class PreviewsOut(BaseModel):
    """The last 20 calls as they would be handed over."""

    items: list[PreviewOut]


class BackFillIn(Body):
    """Which recordings to hand over that came in before."""

    #: Recordings that arrived at this time or later.
    from_: Annotated[MomentIn, Field(alias="from")]
    #: And before this time.
    until: MomentIn
    #: The number that was counted before. Without it they are counted, and nothing is handed over.
    expected: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @property
    def period(self) -> tuple[datetime, datetime]:
        """Return the time."""
        return self.from_, self.until


class BackFillOut(BaseModel):
    """How many recordings those are."""

    recordings: int
    #: Whether they are handed over now.
    started: bool


class HandoversQuery(PageQuery):
    """Which hand-overs to list."""

    state: HandoverState | None = None
    #: The id of an integration.
    integration: _Id | None = None
    #: The id of a recording.
    recording: _Id | None = None
    #: Only those of which something is still to be done, or only the others.
    settled: bool | None = None

    def wanted(self) -> HandoverFilter:
        """Return it as the store takes it."""
        return HandoverFilter(
            state=self.state,
            integration_id=self.integration,
            recording_id=self.recording,
            is_settled=self.settled,
        )


class CandidateOut(BaseModel):
    """A contact with the number of a call."""

    kind: str
    id: str
    name: str | None


class HandoverOut(BaseModel):
    """What should stand of a recording in a system, and what stands there."""

    id: str
    integration: str
    recording: str
    desired: Desired
    state: HandoverState
    #: Why it is held or unmatched.
    cause: Cause | None
    created_at: MomentOut
    changed_at: MomentOut
    #: Among which a person decides.
    candidates: list[CandidateOut]
    #: The ids of the record in the system.
    remote: dict[str, str]
    #: What the system keeps after the removal.
    residue: list[str]

    @classmethod
    def of(cls, view: HandoverView) -> Self:
        """Return a hand-over as it is answered."""
        one = view.handover
        candidates = [CandidateOut(kind=it.kind, id=it.id, name=it.name) for it in view.candidates]
        return cls(
            id=one.id, integration=one.integration_id, recording=one.recording_id, desired=one.desired,
            state=one.state, cause=one.cause, created_at=one.created_at, changed_at=one.changed_at,
            candidates=candidates, remote=dict(view.remote), residue=list(one.residue),
        )  # fmt: skip


class HandoversOut(BaseModel):
    """Hand-overs, the newest first."""

    items: list[HandoverOut]
    next_cursor: str | None


class DecisionOnContactIn(Body):
    """Which contact a call belongs to."""

    #: The id of one of the candidates; null: none of them. Without candidates, it is looked up and sent again.
    contact: Annotated[str, Field(min_length=1, max_length=200)] | None
