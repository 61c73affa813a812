"""JSON schemas of sign-in connections, console sessions, and the verification before weighty acts."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.accounts.roles import AccountRole
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.connection import (
    MAX_AGENTS,
    MAX_ROLES,
    ProviderSettings,
    RoleMapping,
    SignInConnection,
)
from vault.domain.sign_in.seen_claims import SeenClaims
from vault.domain.sign_in.step_up import StepUp
from vault.errors import Invalid
from vault.services.sign_in.provider_documents import ProviderCheck
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.web.schemas.base import Body, Flag, MomentOut, PageQuery, Text

_Url = Annotated[str, Field(min_length=1, max_length=500)]
#: How the vault proves at the token endpoint which client it is (OpenID Connect Core, section 9).
ClientAuthentication = Literal["client_secret", "private_key_jwt"]
_ScopeName = Annotated[str, Field(min_length=1, max_length=100)]


class RoleMappingIn(Body):
    """People whose claim has this value get this role."""

    #: The exact value: a group, or better an app role of the provider.
    value: Text
    role: AccountRole
    #: The agents, by name or id as the platform reports them with the call, to whose recordings the role is limited;
    #: for `listener` and `supervisor`. Without any: all recordings.
    agents: Annotated[list[Text], Field(max_length=MAX_AGENTS)] = Field(default_factory=list)


class SignInConnectionIn(Body):
    """A provider, the vault's client there, and who gets which role."""

    #: The issuer exactly as the provider's discovery document has it.
    issuer: _Url
    client_id: Text
    #: `private_key_jwt`: the vault makes a key pair, and the provider reads the public key at `jwks_uri`.
    client_authentication: ClientAuthentication = "client_secret"
    #: Without it, the stored one stays while issuer and client stay; null for a client without a secret.
    client_secret: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    scopes: Annotated[list[_ScopeName], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: ["openid", "profile"]
    )
    #: The names that lead to the claim with the values, such as `["realm_access", "roles"]`.
    claim: Annotated[list[Text], Field(min_length=1, max_length=5)] = Field(
        default_factory=lambda: ["groups"]
    )
    #: A person who matches none of these is signed in and sees nothing.
    roles: Annotated[list[RoleMappingIn], Field(max_length=MAX_ROLES)] = Field(default_factory=list)
    #: How the provider must have asked a person who confirms before a weighty act: values of `acr`, such as
    #: `phr`. They are asked for as `acr_values`, and the ID token must have one of them. Empty: any way.
    acr_values: Annotated[list[_ScopeName], Field(max_length=10)] = Field(default_factory=list)

    def change(self) -> ConnectionChange:
        """Convert to the service's change. Raises Invalid."""
        settings = ProviderSettings(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            scopes=tuple(self.scopes),
            claim=tuple(self.claim),
            roles=tuple(
                RoleMapping(value=one.value, role=one.role, agents=tuple(one.agents)) for one in self.roles
            ),
            acr_values=tuple(self.acr_values),
        )
        own_key = self.client_authentication == "private_key_jwt"
        if own_key and self.client_secret is not None:
            raise Invalid("client_secret must not be sent with private_key_jwt.", field="client_secret")
        keep = "client_secret" not in self.model_fields_set
        return ConnectionChange(settings=settings, keep_secret=keep, own_key=own_key)


class RoleMappingOut(BaseModel):
    """People whose claim has this value have this role."""

    id: str
    value: str
    role: AccountRole
    agents: list[str]


class LastSignInOut(BaseModel):
    """What the last sign-in by a connection carried: names of claims, never their values."""

    at: MomentOut
    #: At most 60 names; those within another claim as `realm_access.roles`.
    claims: list[str]
    #: Whether `claim` of the connection was among them.
    has_claim: bool
    #: Whether one of its values gives a role.
    has_role: bool

    @classmethod
    def of(cls, seen: SeenClaims) -> "LastSignInOut":
        """Show it."""
        return cls(at=seen.at, claims=list(seen.names), has_claim=seen.has_claim, has_role=seen.has_role)


class ProviderCheckOut(BaseModel):
    """What a provider answers before people sign in there."""

    #: Why people could not sign in; empty if the provider was found.
    problems: list[str]
    #: What may be wrong, and may work.
    notes: list[str]

    @classmethod
    def of(cls, check: ProviderCheck) -> "ProviderCheckOut":
        """Show a check."""
        return cls(problems=list(map(str, check.problems)), notes=list(map(str, check.notes)))


class SignInConnectionOut(BaseModel):
    """A sign-in connection, without the client's secret."""

    id: str
    name: str
    revision: int
    issuer: str
    client_id: str
    client_authentication: ClientAuthentication
    has_secret: bool
    scopes: list[str]
    claim: list[str]
    roles: list[RoleMappingOut]
    acr_values: list[str]
    #: The address that people open to sign in.
    sign_in_url: str
    #: To enter at the provider as the redirect URI.
    redirect_uri: str
    #: To enter at the provider as the back-channel logout URI.
    back_channel_logout_uri: str
    #: To enter at the provider as the JWKS address, for `private_key_jwt`.
    jwks_uri: str | None = None
    changed_at: MomentOut
    changed_by: str
    #: Of the answer about one connection, once somebody signed in by it.
    last_sign_in: LastSignInOut | None = None

    @classmethod
    def of(
        cls, connection: SignInConnection, urls: PublicUrls, seen: SeenClaims | None = None
    ) -> "SignInConnectionOut":
        """Show a connection; ``seen`` is what the last sign-in by it carried."""
        settings = connection.settings
        return cls(
            id=connection.id,
            name=connection.name,
            revision=connection.revision,
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_authentication="client_secret" if settings.client_key is None else "private_key_jwt",
            has_secret=settings.client_secret is not None,
            scopes=list(settings.scopes),
            claim=list(settings.claim),
            roles=[
                RoleMappingOut(id=one.id, value=one.value, role=one.role, agents=list(one.agents))
                for one in settings.roles
                if one.role != "operator"
            ],
            acr_values=list(settings.acr_values),
            sign_in_url=urls.console("sign-in", connection.id),
            redirect_uri=urls.console("callback", connection.id),
            back_channel_logout_uri=urls.console("back-channel", connection.id),
            jwks_uri=None if settings.client_key is None else urls.console("jwks", connection.id),
            changed_at=connection.changed_at,
            changed_by=connection.changed_by,
            last_sign_in=None if seen is None else LastSignInOut.of(seen),
        )


class SignInConnectionsOut(BaseModel):
    """The sign-in connections of an account, ordered by name."""

    items: list[SignInConnectionOut]


class ConsoleSessionsQuery(PageQuery):
    """A page of the open sessions, of all or of one person."""

    #: The id of a person.
    member: Annotated[str, Field(max_length=64)] | None = None


class ConsoleSessionOut(BaseModel):
    """An open session in the console."""

    id: str
    #: The person, if a sign-in provider said who it is.
    member: str | None = None
    #: The API key that signed in.
    key: str | None = None
    scopes: list[str]
    #: Scopes that hold for the recordings of some agents alone.
    limited_scopes: list[str]
    created_at: MomentOut
    last_used_at: MomentOut
    ends_at: MomentOut

    @classmethod
    def of(cls, session: ConsoleSession) -> "ConsoleSessionOut":
        """Show a session."""
        return cls(
            id=session.id,
            member=session.person_id,
            key=session.key_id,
            scopes=sorted(session.scopes),
            limited_scopes=sorted(session.limited_scopes),
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            ends_at=session.ends_at,
        )


class ConsoleSessionsOut(BaseModel):
    """A page of the open sessions of an account, the newest first."""

    items: list[ConsoleSessionOut]
    next_cursor: str | None = None


class StepUpIn(Body):
    """Whether weighty acts in the console need a fresh verification."""

    required: Flag


class StepUpOut(BaseModel):
    """Whether weighty acts in the console need a fresh verification."""

    required: bool
    #: Counts the changes; 0: it was never set.
    version: int
    changed_at: MomentOut | None = None
    changed_by: str | None = None

    @classmethod
    def of(cls, step_up: StepUp) -> "StepUpOut":
        """Show what an account has set."""
        return cls(
            required=step_up.required,
            version=step_up.version,
            changed_at=step_up.changed_at,
            changed_by=step_up.changed_by,
        )
