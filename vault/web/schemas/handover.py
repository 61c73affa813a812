"""Bodies and answers of hand-over: integrations, what they hand over, and calls from before."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from vault.database.stores.handover.handovers import HandoverFilter
from vault.domain.handover.handover import Cause, Desired, HandoverState
from vault.domain.handover.integration import (
    HandoverPolicy,
    IntegrationState,
    Matching,
    OnRestriction,
)
from vault.domain.registers.entries import Safeguard
from vault.services.handover.earlier_calls import Preview
from vault.services.handover.handovers import HandoverView
from vault.services.handover.integrations import IntegrationChange, IntegrationView
from vault.services.handover.recipient import Vendor
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, PageQuery, Text, Words

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Settings = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=500)]], Field(max_length=20)
]
_Key = Annotated[str, Field(min_length=1, max_length=1000)]
_Country = Annotated[str, Field(min_length=2, max_length=2)]


class HandoverPolicyBody(Body):
    """What is handed over, and how."""

    #: What is done where several contacts have the number: `hold` asks a person, `newest` takes the one changed last.
    matching: Matching = "hold"
    #: While a recording is restricted: `redact` leaves a record that says so, `remove` removes it.
    on_restriction: OnRestriction = "redact"
    #: Cut numbers to their last digits. In a channel they always are.
    mask_numbers: Flag = False
    #: Ids of connections whose calls are handed over; empty: calls of all, and uploads.
    connections: Annotated[list[_Id], Field(max_length=200)] = Field(default_factory=list)

    def policy(self) -> HandoverPolicy:
        """Return it as the service takes it."""
        return HandoverPolicy(
            matching=self.matching,
            on_restriction=self.on_restriction,
            mask_numbers=self.mask_numbers,
            connections=tuple(dict.fromkeys(self.connections)),
        )

    @classmethod
    def of(cls, policy: HandoverPolicy) -> Self:
        """Return the policy as it is answered."""
        return cls(
            matching=policy.matching, on_restriction=policy.on_restriction, mask_numbers=policy.mask_numbers,
            connections=list(policy.connections),
        )  # fmt: skip


class IntegrationIn(Body):
    """A system to activate."""

    #: The name of the system, such as `hubspot`.
    system: _Id
    #: The system's static key, a secret; no answer has it.
    key: _Key | None = None
    #: The other fields of the system.
    settings: _Settings = Field(default_factory=dict)
    policy: HandoverPolicyBody = Field(default_factory=HandoverPolicyBody)
    #: For people.
    description: Words = ""
    #: Who receives the calls: the name of the vendor, which is entered in the register of recipients.
    recipient: Text
    #: Where, an ISO 3166-1 code, such as `US`.
    country: _Country
    #: The ground of the transfer, if that is a third country (GDPR art. 45 to 49).
    safeguard: Safeguard | None = None

    def wanted(self) -> IntegrationChange:
        """Return it as the service takes it."""
        return IntegrationChange(
            key=self.key, settings=self.settings, policy=self.policy.policy(), description=self.description
        )

    def vendor(self) -> Vendor:
        """Return who receives the calls."""
        return Vendor(name=self.recipient, country=self.country, safeguard=self.safeguard)


class IntegrationPatchIn(Body):
    """What to change of an integration. With a new key, what waited for it goes on."""

    key: _Key | None = None
    settings: _Settings | None = None
    policy: HandoverPolicyBody | None = None
    description: Words | None = None

    def wanted(self) -> IntegrationChange:
        """Return it as the service takes it."""
        return IntegrationChange(
            key=self.key, settings=self.settings, description=self.description,
            policy=None if self.policy is None else self.policy.policy(),
        )  # fmt: skip


class IntegrationEndIn(Body):
    """How to end an integration."""

    #: Remove first what it has handed over.
    remove: Flag


class IntegrationOut(BaseModel):
    """An integration, without its key."""

    id: str
    system: str
    #: `removing`: nothing new is handed over, and it ends once everything is removed.
    state: IntegrationState
    settings: dict[str, str]
    policy: HandoverPolicyBody
    description: str
    #: The id of its vendor in the register of recipients.
    recipient: str
    created_at: MomentOut
    changed_at: MomentOut
    changed_by: str
    #: Since when the system refuses the key. Nothing is sent, and removals wait, until a PATCH sets another one.
    unauthorized_since: MomentOut | None
    #: When the system last took something.
    succeeded_at: MomentOut | None
    #: Since when it has taken nothing, and before when nothing is sent because it asked for that or failed.
    failing_since: MomentOut | None
    blocked_until: MomentOut | None
    #: The same of removals.
    removals_failing_since: MomentOut | None
    #: Numbers of hand-overs by state; `removing` are those that are still to be removed.
    handovers: dict[str, int]

    @classmethod
    def of(cls, view: IntegrationView) -> Self:
        """Return an integration as it is answered."""
        one, secrets = view.integration, view.secrets
        return cls(
            id=one.id, system=one.system, state=one.state, settings=dict(view.settings),
            policy=HandoverPolicyBody.of(one.policy), description=secrets.description,
            recipient=one.recipient_id,
            created_at=one.created_at, changed_at=one.changed_at, changed_by=one.changed_by,
            unauthorized_since=one.unauthorized_since, succeeded_at=view.succeeded_at,
            failing_since=view.writes.failing_since, blocked_until=view.writes.blocked_until,
            removals_failing_since=view.removals.failing_since, handovers=dict(view.counts),
        )  # fmt: skip


class IntegrationsOut(BaseModel):
    """The integrations of an account, the newest first."""

    items: list[IntegrationOut]


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
