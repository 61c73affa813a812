"""JSON schemas of the policy on card data, and of proposals."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.recordings.back_fill import BackFill, BackFillCause, BackFillState, BackFillWish
from vault.domain.recordings.card_data import CardDataPolicy, Kind, Policy, Proposal, Unremoved
from vault.services.recordings.back_fills import BackFillPreview
from vault.web.schemas.base import Body, MomentOut


class CardDataIn(Body):
    """What is done about card data in audio."""

    keyed_digits: Policy


class CardDataOut(BaseModel):
    """What is done about card data in audio."""

    keyed_digits: Policy
    #: Null where it was never set.
    changed_at: MomentOut | None

    @classmethod
    def of(cls, policy: CardDataPolicy) -> "CardDataOut":
        """Show the policy."""
        return cls(keyed_digits=policy.keyed_digits, changed_at=policy.changed_at)


class ProposalOut(BaseModel):
    """A sequence of keyed digits in a recording, from the first to the last."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    recording: str
    #: `card_number`: some of the digits have the check digit of one; `digits`: another long sequence.
    kind: Kind
    #: In seconds from the beginning of the recording.
    begin: Annotated[float, Field(alias="from")]
    end: Annotated[float, Field(alias="to")]
    found_at: MomentOut
    #: Whether its recording waits in quarantine: release it first, then remove what was found.
    in_quarantine: bool
    #: Why a back-fill under `redact` did not remove it; null where none has tried.
    unremoved: Unremoved | None

    @classmethod
    def of(cls, proposal: Proposal) -> "ProposalOut":
        """Show a proposal."""
        digits = proposal.digits
        return cls(
            id=proposal.id,
            recording=proposal.recording_id,
            kind=digits.kind,
            begin=digits.begin_ms / 1000,
            end=digits.end_ms / 1000,
            found_at=proposal.found_at,
            in_quarantine=proposal.in_quarantine,
            unremoved=proposal.unremoved,
        )


class ProposalsOut(BaseModel):
    """A page of proposals."""

    items: list[ProposalOut]
    next_cursor: str | None


class CardDataPreviewOut(BaseModel):
    """What a back-fill would search now. What it would find is not known before."""

    keyed_digits: Policy
    #: Recordings that arrived before this: when the policy was set, or now where it is `off`.
    before: MomentOut
    recordings: int
    #: Of their audio.
    seconds: float

    @classmethod
    def of(cls, preview: BackFillPreview) -> "CardDataPreviewOut":
        """Show the preview."""
        return cls(
            keyed_digits=preview.keyed_digits,
            before=preview.before,
            recordings=preview.size.recordings,
            seconds=preview.size.seconds,
        )


class CardDataBackFillIn(Body):
    """Which policy to carry out on recordings that were there before it."""

    #: As in the preview: another one is 409 `changed`.
    keyed_digits: Policy


class CardDataBackFillPatchIn(Body):
    """What is wanted of a back-fill."""

    #: `paused`, `running` to let it go on, or `stopped` for good.
    state: BackFillWish


class CardDataBackFillOut(BaseModel):
    """The newest back-fill of the account, and its progress."""

    keyed_digits: Policy
    before: MomentOut
    state: BackFillState
    #: Why it was stopped: somebody asked for it, or the policy was changed. Else null.
    cause: BackFillCause | None
    begun_at: MomentOut
    changed_at: MomentOut
    #: What there was to search when it began.
    recordings: int
    seconds: float
    searched: int
    searched_seconds: float
    #: Sequences that were proposed.
    proposed: int
    #: Recordings from which card numbers were removed.
    removed: int
    #: Recordings whose card numbers stay because a hold covers them, or for another reason, which their proposals
    #: name as `unremoved`.
    held: int
    unremoved: int
    #: Recordings that could not be read or decoded.
    unreadable: int

    @classmethod
    def of(cls, one: BackFill) -> "CardDataBackFillOut":
        """Show a back-fill."""
        named = {name: getattr(one, name) for name in cls.model_fields if name != "before"}
        return cls(before=one.policy_at, **named)
