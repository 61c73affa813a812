"""JSON schemas of the policy on card data, and of proposals."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.recordings.card_data import CardDataPolicy, Kind, Policy, Proposal
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
        )


class ProposalsOut(BaseModel):
    """A page of proposals."""

    items: list[ProposalOut]
    next_cursor: str | None
