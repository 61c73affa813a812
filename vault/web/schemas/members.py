"""JSON schemas of the people of an account, and of invitations."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from vault.domain.accounts.roles import AccountRole
from vault.domain.sign_in.connection import MAX_AGENTS
from vault.domain.sign_in.invitation import Invitation, MemberTerms
from vault.domain.sign_in.invitation_mail import MailLanguage
from vault.services.sign_in.invitation_mails import MailShown
from vault.services.sign_in.invitations import Issued
from vault.services.sign_in.members import Member
from vault.web.schemas.base import Body, MomentOut, Text

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
    #: The vault mails the address to `email`, in this language, and the answer does not show it. Null: the answer has
    #: the address. It needs a mail server, which the operator sets.
    mail_language: MailLanguage | None = None

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


class InvitationIn(Body):
    """How another address comes to an invited person."""

    #: The vault mails the address to the person's `email`, in this language, and the answer does not show it. Null: the
    #: answer has the address. It needs a mail server, which the operator sets.
    mail_language: MailLanguage | None = None


class InvitationOut(BaseModel):
    """The address at which an invited person makes a passkey. It is shown in this answer alone."""

    id: str
    #: To be sent to the person alone. Null if the vault mails it.
    address: str | None = None
    #: Later than now for a person who has a passkey.
    usable_from: MomentOut
    usable_until: MomentOut

    @classmethod
    def of(cls, issued: Issued, address: str) -> "InvitationOut":
        """Show an address once."""
        return cls(
            id=issued.invitation.id,
            address=None if issued.is_mailed else address,
            usable_from=issued.invitation.starts_at,
            usable_until=issued.invitation.ends_at,
        )


class InvitationMailOut(BaseModel):
    """How the mail with the address of an invitation stands."""

    #: `waiting` for its first or next attempt, `sent` when the mail server has taken it, `failed` when it is not tried
    #: again: give another address.
    state: Literal["waiting", "sent", "failed"]
    #: Why the last attempt failed.
    failure: str | None = None
    #: The time of the last attempt.
    at: MomentOut | None = None


class OpenInvitationOut(BaseModel):
    """An address for a passkey that can be used now or later, without its secret."""

    id: str
    usable_from: MomentOut
    usable_until: MomentOut
    #: Who may see the address, once, by `POST …/members/{member}/invitations`: it was asked for, and approved by a
    #: second person. Nobody can use it before.
    waits_for: str | None = None
    #: Null if the vault does not mail it.
    mail: InvitationMailOut | None = None

    @classmethod
    def of(cls, one: Invitation, mail: MailShown | None) -> "OpenInvitationOut":
        """Show an open address."""
        return cls(
            id=one.id,
            usable_from=one.starts_at,
            usable_until=one.ends_at,
            waits_for=one.waits_for,
            mail=None
            if mail is None
            else InvitationMailOut(state=mail.state, failure=mail.failure, at=mail.at),
        )


class MemberOut(BaseModel):
    """A person of a sign-in provider who signed in, or an invited one."""

    id: str
    #: `passkey` for an invited person.
    signs_in_by: Literal["provider", "passkey"]
    #: Null for a person of whom only the removal is known, after a restore.
    name: str | None = None
    #: Of an invited person, as it was entered.
    email: str | None = None
    #: Issuer and subject of a person of a provider.
    issuer: str | None = None
    subject: str | None = None
    #: Null for an invited person, and after the connection was deleted.
    connection: str | None = None
    #: The roles that the person has now.
    roles: list[AccountRole]
    #: The agents to whose recordings `listener` and `supervisor` of an invited person are limited.
    agents: list[str]
    #: The number of passkeys.
    passkeys: int
    invitation: OpenInvitationOut | None = None
    invited_at: MomentOut | None = None
    #: Null for an invited person.
    first_signed_in_at: MomentOut | None = None
    #: Null before the first sign-in.
    last_signed_in_at: MomentOut | None = None
    removed_at: MomentOut | None = None

    @classmethod
    def of(cls, member: Member) -> "MemberOut":
        """Show a member."""
        row, open_one = member.row, member.invitation
        return cls(
            id=row.id,
            signs_in_by="passkey" if row.is_invited else "provider",
            name=member.name,
            email=member.email,
            issuer=member.issuer,
            subject=member.subject,
            connection=member.connection,
            roles=[role for role in member.roles if role != "operator"],
            agents=list(member.agents),
            passkeys=member.passkeys,
            invitation=None if open_one is None else OpenInvitationOut.of(open_one, member.mail),
            invited_at=row.invited_at,
            first_signed_in_at=None if row.is_invited else row.first_at,
            last_signed_in_at=member.signed_in_at,
            removed_at=row.removed_at,
        )


class MembersOut(BaseModel):
    """A page of members, the newest first."""

    items: list[MemberOut]
    next_cursor: str | None = None


class MembersQuery(Body):
    """A page of members."""

    cursor: Annotated[str, Field(max_length=128)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class InvitedOut(BaseModel):
    """An invited person, and the address of the invitation."""

    member: MemberOut
    invitation: InvitationOut
