"""A directory that tells who the people of an account are, and the provider at which they sign in."""

from collections.abc import Sequence

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, SECRET
from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.accounts.roles import Role
from vault.domain.sign_in.connection import ProviderSettings, RoleMapping
from vault.domain.sign_in.provisioning import Provisioning, RolesFrom
from vault.errors import NotAuthentic
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.services.sign_in.provisioned_users import OpenedUser
from vault.services.sign_in.sign_in import SignedInAtProvider
from vault.services.sign_in.sign_in_connections import ConnectionChange

#: The token of the directory, as the log names it.
ACTOR = {"actor": "ptok_" + "0" * 32}


async def connect(house: House, roles: Sequence[tuple[str, Role]] = (("staff", "listener"),)) -> str:
    """Connect the account to the provider; return the connection's id."""
    settings = ProviderSettings(
        issuer=ISSUER, client_id=CLIENT, client_secret=SECRET, scopes=("openid",), claim=("groups",),
        roles=tuple(RoleMapping(value=value, role=role) for value, role in roles),
    )  # fmt: skip
    change = ConnectionChange(settings=settings, keep_secret=False)
    return (await house.vault.sign_in.connections.set(house.account.id, "main", change, **ME)).id


async def provision(
    house: House, *, roles_from: RolesFrom = "claim", revokes_links: bool = True
) -> Provisioning:
    """Let a directory tell who signs in by the connection."""
    shown = await house.vault.sign_in.provisioning.set(
        house.account.id, connection="main", roles_from=roles_from, revokes_links=revokes_links, **ME
    )
    return shown.setting


async def tell(house: House, subject: str, *, active: bool = True) -> OpenedUser:
    """Let the directory tell of a person, by the subject at the provider."""
    resource = {"userName": f"{subject}@acme.example", "externalId": subject, "active": active}
    return await house.vault.sign_in.provisioning.users.create(await setting_of(house), resource, **ACTOR)


async def set_active(house: House, user: OpenedUser, *, active: bool) -> OpenedUser:
    """Let the directory tell that somebody left, or is back."""
    return await house.vault.sign_in.provisioning.users.change(
        await setting_of(house), user.row.id, lambda before: {**before, "active": active}, **ACTOR
    )


async def setting_of(house: House) -> Provisioning:
    """Return the account's setting."""
    return (await house.vault.sign_in.provisioning.get(house.account.id)).setting


async def sign_in(house: House, provider: IdentityProvider, connection: str, who: str) -> SignedInAtProvider:
    """Go to the provider and come back."""
    provider.subject = who
    begun = await house.vault.sign_in.sign_in.begin(connection, return_path=None)
    said = provider.authorize(begun.address)
    answer = ProviderAnswer(state=said["state"], code=said["code"], issuer=said["iss"])
    return await house.vault.sign_in.sign_in.finish(
        connection, answer, secret=begun.attempt.secret.text, address="192.0.2.1", agent="test"
    )


async def scopes(house: House, signed_in: SignedInAtProvider) -> frozenset[str] | None:
    """Return what a session may do; None if it is over."""
    try:
        session, _ = await house.vault.accounts.console_sessions.find(
            signed_in.secret.text, house.account.ref
        )
    except NotAuthentic:
        return None
    return session.scopes
