"""JSON schemas of provisioning: the setting and the tokens of a company's directory."""

from pydantic import BaseModel

from vault.domain.sign_in.provisioning import ProvisioningToken, RolesFrom
from vault.services.sign_in.provisioning import ShownProvisioning
from vault.web.schemas.base import Body, Flag, MomentOut, Text


class ProvisioningIn(Body):
    """A directory that tells, by SCIM, who signs in by a connection."""

    #: The name of the sign-in connection. From now on, only people whom the directory names as active sign in by it.
    connection: Text
    #: Where a person's roles come from: the connection's `claim` at the sign-in, or the directory's groups, whose names
    #: or external ids are then compared with the values of the connection's roles. A group gives only `listener`,
    #: `supervisor` and `auditor`; the other roles come with the claim.
    roles_from: RolesFrom = "claim"
    #: Whether links that a person made for others end when the person leaves.
    revokes_links: Flag = True


class ProvisioningTokenOut(BaseModel):
    """A token, without its secret."""

    id: str
    created_at: MomentOut
    created_by: str
    #: To five minutes; null for one that was never used.
    last_used_at: MomentOut | None

    @classmethod
    def of(cls, token: ProvisioningToken) -> "ProvisioningTokenOut":
        """Show a token."""
        return cls(
            id=token.id,
            created_at=token.created_at,
            created_by=token.created_by,
            last_used_at=token.last_used_at,
        )


class NewProvisioningTokenOut(ProvisioningTokenOut):
    """A token with its text, which is shown in this answer alone."""

    #: To be entered at the provider.
    token: str


class ProvisioningOut(BaseModel):
    """The setting, and the tokens that are good."""

    #: Null if the connection was deleted: nobody signs in by it.
    connection: str | None
    roles_from: RolesFrom
    revokes_links: bool
    #: The address of the account's SCIM, to be entered at the provider.
    base_url: str
    users: int
    groups: int
    tokens: list[ProvisioningTokenOut]
    changed_at: MomentOut
    changed_by: str

    @classmethod
    def of(cls, shown: ShownProvisioning, base_url: str) -> "ProvisioningOut":
        """Show a setting."""
        return cls(
            connection=shown.connection,
            roles_from=shown.setting.roles_from,
            revokes_links=shown.setting.revokes_links,
            base_url=base_url,
            users=shown.users,
            groups=shown.groups,
            tokens=[ProvisioningTokenOut.of(one) for one in shown.tokens],
            changed_at=shown.setting.changed_at,
            changed_by=shown.setting.changed_by,
        )
