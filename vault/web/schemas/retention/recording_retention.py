"""JSON schemas of what policies do: the preview of one, the retention of a recording, the end of a contact."""

from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.retention.hold import MAX_COVERED
from vault.domain.retention.judge import Judgement, Outcome, ReasonCode
from vault.domain.retention.policy import MinimumGround
from vault.domain.retention.terms import Base, BoundKind
from vault.services.retention.contact_ends import ContactChange
from vault.services.retention.preview_policy import OUTCOMES, PolicyPreview
from vault.services.retention.recording_retention import RecordingRetention
from vault.web.schemas.base import Body, MomentIn, MomentOut, Ref, Text


class PolicyPreviewOut(BaseModel):
    """What a policy would do to the available recordings: their number by outcome."""

    #: Erased by the first run after the waiting time.
    due_now: int
    due_30d: int
    #: Due after 30 days.
    later: int
    #: Never due: no class matches, or what begins the period was not told.
    undated: int
    held: int
    #: Due but for a minimum.
    below_minimum: int
    conflict: int
    #: Of all of these, those kept shorter than the policy says, because a notice told the caller so.
    told_otherwise: int
    #: Restricted by the first run, for a person to decide.
    review: int
    #: From when the oldest and the newest of ``due_now`` are kept.
    oldest: MomentOut | None
    newest: MomentOut | None
    #: The first 20 of ``due_now``.
    recordings: list[str]
    #: How many days what the policy keeps shorter waits: by the policy in force or by this one, whichever is longer.
    waiting_days: int
    #: A change that shortens anything carries it in the header Preview-Digest, within 24 hours.
    digest: str

    @classmethod
    def of(cls, preview: PolicyPreview) -> "PolicyPreviewOut":
        """Show a preview."""
        return cls(
            **{name: preview.counts[name] for name in OUTCOMES},
            oldest=preview.oldest,
            newest=preview.newest,
            recordings=preview.recording_ids,
            waiting_days=preview.waiting.days,
            digest=preview.digest,
        )


class RetentionReasonOut(BaseModel):
    """One reason why a recording is still here."""

    code: ReasonCode
    text: str
    until: MomentOut | None
    #: The hold, or the class.
    source: str | None
    #: The log's entry of the hold; null for other reasons, for all but 20 holds, and where it is not found.
    leaf: int | None


class BoundOut(BaseModel):
    """One minimum, maximum or period, and when it ends for the recording."""

    kind: BoundKind
    class_: Annotated[str, Field(serialization_alias="class")]
    period: str
    until: MomentOut | None
    statute: str | None
    ground: MinimumGround | None


class RetentionOut(BaseModel):
    """Why a recording is still here, and until when."""

    outcome: Outcome
    #: When it is due; null: never.
    act_at: MomentOut | None
    class_: Annotated[str | None, Field(serialization_alias="class")]
    #: The version of the policy.
    policy_version: int
    #: The log's entry of that version, by which it was set; null where there is none.
    policy_leaf: int | None
    #: Which moment the periods count from, and when it was.
    base: Base
    base_at: MomentOut | None
    #: The most important first.
    reasons: list[RetentionReasonOut]
    bounds: list[BoundOut]
    #: Since when an erasure that a person asked for waits.
    pending_since: MomentOut | None
    #: When the contact that it belongs to ended; null: nobody said so, or it was taken back.
    contact_ended_at: MomentOut | None

    @classmethod
    def of(cls, found: RecordingRetention) -> "RetentionOut":
        """Show the retention of a recording."""
        judgement: Judgement = found.judgement
        return cls(
            outcome=judgement.outcome,
            act_at=found.terms.act_at,
            class_=found.terms.class_name,
            policy_version=found.terms.version,
            policy_leaf=found.leaves.get(f"v{found.terms.version}"),
            base=found.terms.base,
            base_at=found.terms.base_at,
            reasons=[
                RetentionReasonOut(
                    code=r.code,
                    text=r.text,
                    until=r.until,
                    source=r.source,
                    leaf=found.leaves.get(r.source or "") if r.code == "held" else None,
                )
                for r in judgement.reasons
            ],
            bounds=[
                BoundOut(
                    kind=b.kind,
                    class_=b.class_name,
                    period=b.period,
                    until=b.until,
                    statute=b.statute,
                    ground=b.ground,
                )
                for b in found.terms.bounds
            ],
            pending_since=found.pending_since,
            contact_ended_at=None if found.contact is None else found.contact.ended_at,
        )


class ContactCallsIn(Body):
    """A contact, by numbers, by calls, or by both."""

    #: Phone numbers of the person. They are not kept.
    numbers: Annotated[list[Text], Field(max_length=MAX_COVERED, default_factory=list)]
    #: Calls with the person, by the platform's id, whenever they began.
    calls: Annotated[list[Ref], Field(max_length=MAX_COVERED, default_factory=list)]


class ContactEndIn(ContactCallsIn):
    """The end of a contact."""

    #: Calls of ``numbers`` that began later belong to a new contact.
    ended_at: MomentIn


class ContactEndOut(BaseModel):
    """The effect on the recordings of a contact."""

    #: Recordings of the contact that the vault has.
    recordings: int
    #: Of how many of them this changed the end.
    changed: int
    #: Recordings whose number, as it was reported, can be that of somebody else too. They were not changed: name their
    #: calls to change them.
    possible: int

    @classmethod
    def of(cls, change: ContactChange) -> "ContactEndOut":
        """Show it."""
        return cls(recordings=change.recordings, changed=change.changed, possible=change.possible)
