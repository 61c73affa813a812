"""JSON schemas of invited people and their invitations."""

from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.accounts.roles import AccountRole
from vault.domain.sign_in.connection import MAX_AGENTS
from vault.domain.sign_in.invitation import MemberTerms
from vault.services.sign_in.invitations import Issued
from vault.web.schemas.base import Body, MomentOut, Text
from vault.web.schemas.sign_in import MemberOut

_Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")]
_Roles = Annotated[list[AccountRole], Field(min_length=1, max_length=5)]
_Agents = Annotated[list[Text], Field(max_length=MAX_AGENTS)]


class MemberIn(Body):
    """A person to invite."""

    #: As the person is shown to listeners and in the log.
    name: Text
    #: Where the invitation goes, for the administrators; it is not checked.
    email: _Email | None = None
    roles: _Roles
    #: The agents, by name or id as the platform reports them with the call, to whose recordings `listener` and
    #: `supervisor` are limited. Without any: all recordings.
    agents: _Agents = Field(default_factory=list)

    def terms(self) -> MemberTerms:
        """Convert to the service's terms."""
        return MemberTerms(
            name=self.name, email=self.email, roles=tuple(self.roles), agents=tuple(self.agents)
        )


class MemberPatch(Body):
    """Changes of an invited person; what is left out stays."""

    name: Text | None = None
    #: Null deletes it.
    email: _Email | None = None
    roles: _Roles | None = None
    agents: _Agents | None = None

    def applied_to(self, before: MemberTerms) -> MemberTerms:
        """Return the terms with the changes."""
        return MemberTerms(
            name=self.name or before.name,
            email=self.email if "email" in self.model_fields_set else before.email,
            roles=before.roles if self.roles is None else tuple(self.roles),
            agents=before.agents if self.agents is None else tuple(self.agents),
        )


class InvitationOut(BaseModel):
    """The address at which an invited person makes a passkey. It is shown in this answer alone."""

    id: str
    #: To be sent to the person alone.
    address: str
    #: Later than now for a person who has a passkey.
    usable_from: MomentOut
    usable_until: MomentOut

    @classmethod
    def of(cls, issued: Issued, origin: str) -> "InvitationOut":
        """Show an address once."""
        return cls(
            id=issued.invitation.id,
            address=f"{origin}/console/invitation/{issued.token.text}",
            usable_from=issued.invitation.starts_at,
            usable_until=issued.invitation.ends_at,
        )


class InvitedOut(BaseModel):
    """An invited person, and the address of the invitation."""

    member: MemberOut
    invitation: InvitationOut
