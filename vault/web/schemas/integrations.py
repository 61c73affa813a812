"""Bodies and answers of integrations: the systems to which calls are handed over, and how people authorize them."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from vault.domain.crm.exchange import OAuthClient
from vault.domain.handover.integration import (
    HandoverPolicy,
    IntegrationState,
    Matching,
    OnRestriction,
)
from vault.domain.registers.entries import Safeguard
from vault.services.handover.authorizations import StartedAuthorization
from vault.services.handover.credentials import IntegrationChange
from vault.services.handover.integrations import IntegrationView
from vault.services.handover.recipient import Vendor
from vault.web.schemas.base import Body, Flag, MomentOut, Text, Words

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Settings = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=500)]], Field(max_length=20)
]
_Key = Annotated[str, Field(min_length=1, max_length=1000)]
_ClientText = Annotated[str, Field(min_length=1, max_length=500)]
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
    #: Create a contact where none has the number: of the number alone, in systems that have such a request.
    create_contacts: Flag = False

    def policy(self) -> HandoverPolicy:
        """Return it as the service takes it."""
        return HandoverPolicy(
            matching=self.matching,
            on_restriction=self.on_restriction,
            mask_numbers=self.mask_numbers,
            connections=tuple(dict.fromkeys(self.connections)),
            creates_contacts=self.create_contacts,
        )

    @classmethod
    def of(cls, policy: HandoverPolicy) -> Self:
        """Return the policy as it is answered."""
        return cls(
            matching=policy.matching, on_restriction=policy.on_restriction, mask_numbers=policy.mask_numbers,
            connections=list(policy.connections), create_contacts=policy.creates_contacts,
        )  # fmt: skip


class OAuthClientIn(Body):
    """The registration of your app at a system that people authorize."""

    #: Its id, as the system shows it.
    id: _ClientText
    #: Its secret; no answer has it.
    secret: _ClientText

    def client(self) -> OAuthClient:
        """Return it as the service takes it."""
        return OAuthClient(client_id=self.id, client_secret=self.secret)


class IntegrationIn(Body):
    """A system to activate."""

    #: The name of the system, such as `hubspot`.
    system: _Id
    #: The system's static key, a secret; no answer has it.
    key: _Key | None = None
    #: In the place of a key, where the system has OAuth: nothing leaves until somebody has authorized the integration.
    client: OAuthClientIn | None = None
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
            key=self.key, client=None if self.client is None else self.client.client(),
            settings=self.settings, policy=self.policy.policy(), description=self.description,
        )  # fmt: skip

    def vendor(self) -> Vendor:
        """Return who receives the calls."""
        return Vendor(name=self.recipient, country=self.country, safeguard=self.safeguard)


class IntegrationPatchIn(Body):
    """What to change of an integration. With a new key, what waited for it goes on."""

    key: _Key | None = None
    #: Another registration: the integration must be authorized again.
    client: OAuthClientIn | None = None
    settings: _Settings | None = None
    policy: HandoverPolicyBody | None = None
    description: Words | None = None

    def wanted(self) -> IntegrationChange:
        """Return it as the service takes it."""
        return IntegrationChange(
            key=self.key, client=None if self.client is None else self.client.client(),
            settings=self.settings, description=self.description,
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
    #: How it gets access: by a static key, or because somebody authorizes it at the system.
    access: Literal["key", "oauth"]
    #: The id of your app at the system, with `oauth`.
    client_id: str | None
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
    #: It has ended, and the vault asks the system to revoke what a person has granted, for a day at most.
    revoking: bool
    #: Since when the system refuses the key, or nobody has authorized it. Nothing is sent, and removals wait, until a
    #: PATCH sets another key, or somebody authorizes it.
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
            id=one.id, system=one.system, access="key" if view.client_id is None else "oauth",
            client_id=view.client_id, state=one.state, settings=dict(view.settings),
            policy=HandoverPolicyBody.of(one.policy), description=secrets.description,
            recipient=one.recipient_id,
            created_at=one.created_at, changed_at=one.changed_at, changed_by=one.changed_by,
            revoking=one.is_revoking, unauthorized_since=one.unauthorized_since, succeeded_at=view.succeeded_at,
            failing_since=view.writes.failing_since, blocked_until=view.writes.blocked_until,
            removals_failing_since=view.removals.failing_since, handovers=dict(view.counts),
        )  # fmt: skip


class IntegrationsOut(BaseModel):
    """The integrations of an account, the newest first."""

    items: list[IntegrationOut]


class AuthorizationOut(BaseModel):
    """Where a person authorizes an integration."""

    #: The address of the system's page. It is good once, for the one who has begun, who is signed in at the console.
    url: str
    expires_at: MomentOut

    @classmethod
    def of(cls, begun: StartedAuthorization) -> Self:
        """Return it as it is answered."""
        return cls(url=begun.url, expires_at=begun.expires_at)
