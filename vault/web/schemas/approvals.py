"""JSON schemas of approvals and of the rule that says what needs one."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field

from vault.domain.approvals.approval import Approval, ApprovalState, Decision
from vault.domain.approvals.rule import CHOSEN, ApprovalRule, Verb
from vault.services.approvals.approvals import ApprovalView
from vault.web.schemas.base import Body, Flag, MomentOut, readable_lines

#: The acts that a rule can name.
ChosenVerb = Literal[
    "recording_erasure",
    "call_erasure",
    "request_erasure",
    "request_export",
    "retention_policy",
    "own_key",
    "account_closure",
    "sign_in_connection",
    "member_invitation",
    "member_roles",
    "member_recovery",
]


class ApprovalsQuery(Body):
    """A page of approvals."""

    state: ApprovalState | None = None
    cursor: Annotated[str, Query(max_length=200)] | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50


class ApprovalReasonIn(Body):
    """Why an act is wanted, for the person who approves it, as a form of the console takes it."""

    approval_reason: Annotated[str, Field(max_length=500), AfterValidator(readable_lines)] | None = None


class DecisionOnIn(Body):
    """A decision on what another one asked for."""

    decision: Decision
    #: The `digest` of the approval as you read it. An approval needs it, except of `hold_release` and `retention_cap`.
    digest: Annotated[str, Field(max_length=128)] | None = None


class ApprovalOut(BaseModel):
    """An act that another person must approve before it is done."""

    id: str
    #: Where to read it.
    address: str
    #: The act.
    kind: Verb
    #: The id of what is acted on; empty where the act is on the whole account.
    subject: str
    #: `executed` is done; `expired` says in `outcome` why it was not.
    state: ApprovalState
    #: What the act does, as numbers that are counted again before it is done: of a closure also what ends with it.
    effect: dict[str, int]
    #: SHA-256 of the ids of what the act is done to. An approval holds for these alone: where they are others when it
    #: is carried out, it is asked again. Null where it was asked by an earlier release.
    effect_digest: str | None = None
    #: SHA-256 of what is approved, in hexadecimal: of `document` where one approval is read.
    digest: str
    asked_by: str
    asked_at: MomentOut
    #: Until when it can be approved.
    approve_by: MomentOut
    #: Who approved or vetoed it, and when; null while it waits.
    decided_by: str | None = None
    decided_at: MomentOut | None = None
    #: Until when the vault tries to carry it out.
    execute_by: MomentOut | None = None
    #: When it was executed, vetoed, or expired.
    ended_at: MomentOut | None = None
    #: A code: why it expired, or `effect_changed` where it is asked again because its effect is another one now.
    outcome: str | None = None

    @classmethod
    def of(cls, approval: Approval, account: str) -> "ApprovalOut":
        """Show an approval; ``account`` is the account's name in addresses."""
        return cls(**_fields(approval, account))


class ApprovalDetailOut(ApprovalOut):
    """An approval with its texts."""

    #: What was sent to the REST interface.
    arguments: dict[str, Any]
    reason: str | None = None
    #: The name of the API key or the person who asked; null where it is not known.
    asked_by_name: str | None = None
    #: Your reference of the request that is decided on, where the act decides on one.
    reference: str | None = None
    #: The bytes whose SHA-256 is the digest: canonical JSON of all that is approved.
    document: str

    @classmethod
    def view(cls, view: ApprovalView, account: str, reference: str | None) -> "ApprovalDetailOut":
        """Show an approval with its texts; ``reference`` is that of the request that is decided on."""
        return cls(
            **_fields(view.approval, account),
            arguments=dict(view.text.arguments),
            reason=view.text.reason,
            asked_by_name=view.asked_by_name,
            reference=reference,
            document=view.document,
        )


class ApprovalsOut(BaseModel):
    """A page of approvals, newest first."""

    items: list[ApprovalOut]
    next_cursor: str | None = None


class ApprovalRuleIn(Body):
    """Which acts need the approval of a second person."""

    enabled: Flag
    verbs: Annotated[list[ChosenVerb], Field(max_length=len(CHOSEN))]


class ApprovalRuleOut(BaseModel):
    """The rule of the account."""

    enabled: bool
    verbs: list[str]
    #: Further acts that need an approval while the rule is on.
    implied: list[str]
    #: Counts the changes; 0: it was never set.
    version: int
    changed_at: MomentOut | None = None
    changed_by: str | None = None

    @classmethod
    def of(cls, rule: ApprovalRule) -> "ApprovalRuleOut":
        """Show a rule."""
        return cls(
            enabled=rule.enabled,
            verbs=sorted(rule.verbs),
            implied=sorted(rule.implied),
            version=rule.version,
            changed_at=rule.changed_at,
            changed_by=rule.changed_by,
        )


def _fields(approval: Approval, account: str) -> dict[str, Any]:
    names = (
        "id", "kind", "subject", "state", "digest", "asked_by", "asked_at", "approve_by", "decided_by", "decided_at",
        "execute_by", "ended_at", "outcome", "effect_digest",
    )  # fmt: skip
    address = f"/v1/accounts/{account}/approvals/{approval.id}"
    return {name: getattr(approval, name) for name in names} | {
        "address": address,
        "effect": dict(approval.effect),
    }
