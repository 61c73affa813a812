"""JSON schemas of holds, their release and approvals."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from vault.domain.retention.hold import MAX_COVERED
from vault.services.retention.hold_release import ReleasePreview
from vault.services.retention.holds import HoldView
from vault.services.retention.place_hold import HoldRequest
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Ref, Text

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Reason = Annotated[str, Field(min_length=1, max_length=2000)]


class CoversIn(Body):
    """What a hold covers: each recording, call and number named, or every recording of a time."""

    #: Available recordings, by id.
    recordings: Annotated[list[_Id], Field(max_length=MAX_COVERED, default_factory=list)]
    #: Calls by the platform's id, also those that have not begun.
    calls: Annotated[list[Ref], Field(max_length=MAX_COVERED, default_factory=list)]
    #: Phone numbers of either party, also in calls that have not begun.
    numbers: Annotated[list[Text], Field(max_length=MAX_COVERED, default_factory=list)]
    #: Limit ``numbers`` and ``all`` to calls that began at this time or later.
    from_: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Limit ``numbers`` and ``all`` to calls that began before this time.
    to: MomentIn | None = None
    #: Every recording of the account.
    all: Flag = False


class HoldIn(Body):
    """A hold to place."""

    name: Text
    #: Why these recordings must not be erased. Sealed, and shown to readers of the audit.
    reason: _Reason
    covers: CoversIn
    #: When somebody should review the hold. It does not end by itself.
    ends_at: MomentIn | None = None

    def wanted(self) -> HoldRequest:
        """Return the hold to place."""
        covers = self.covers
        return HoldRequest(
            name=self.name,
            reason=self.reason,
            recordings=covers.recordings,
            calls=covers.calls,
            numbers=covers.numbers,
            from_=covers.from_,
            to=covers.to,
            everything=covers.all,
            ends_at=self.ends_at,
        )


class CoversOut(BaseModel):
    """What a hold covers."""

    recordings: list[str]
    calls: list[str]
    numbers: list[str]
    from_: Annotated[MomentOut | None, Field(serialization_alias="from")] = None
    to: MomentOut | None = None
    all: bool


class HoldOut(BaseModel):
    """A hold."""

    id: str
    #: A released hold still binds until ``free_at``.
    state: Literal["active", "released"]
    name: str | None = None
    reason: str | None = None
    covers: CoversOut
    #: Available recordings that it covers now; null in a list.
    bound: int | None = None
    placed_at: MomentOut
    placed_by: str
    ends_at: MomentOut | None = None
    released_at: MomentOut | None = None
    released_by: str | None = None
    #: When a released hold stops binding.
    free_at: MomentOut | None = None

    @classmethod
    def of(cls, view: HoldView) -> "HoldOut":
        """Show a hold."""
        hold, covers = view.hold, view.hold.covers
        shown = CoversOut(
            recordings=sorted(covers.recordings),
            calls=sorted(covers.calls),
            numbers=list(view.numbers),
            from_=covers.from_,
            to=covers.to,
            all=covers.everything,
        )
        times = {name: getattr(hold, name) for name in ("placed_at", "ends_at", "released_at", "free_at")}
        return cls(
            id=hold.id,
            state="active" if hold.released_at is None else "released",
            name=view.name,
            reason=view.reason,
            covers=shown,
            bound=view.bound,
            placed_by=hold.placed_by,
            released_by=hold.released_by,
            **times,
        )


class HoldsOut(BaseModel):
    """A page of holds, also released ones."""

    items: list[HoldOut]
    next_cursor: str | None = None


class ReleasePreviewOut(BaseModel):
    """What leaves when a hold is released."""

    #: Recordings that nothing else keeps once the grace has passed.
    erased: int
    #: Of them, those whose erasure a person asked for.
    pending: int
    #: Recordings that are due and that another hold keeps.
    still_held: int
    #: The first 20 of ``erased``.
    recordings: list[str]
    #: When the grace would end.
    free_at: MomentOut
    #: The release carries it in the header Preview-Digest, within 24 hours.
    digest: str

    @classmethod
    def of(cls, preview: ReleasePreview) -> "ReleasePreviewOut":
        """Show a preview."""
        effect = preview.effect
        return cls(
            erased=effect.erased,
            pending=effect.pending,
            still_held=effect.still_held,
            recordings=list(effect.recording_ids),
            free_at=effect.free_at,
            digest=preview.digest,
        )
