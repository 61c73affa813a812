"""Roles by the groups of a directory, in place of the claim: given at once, taken at once, and never all of them."""

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.support.parties import ME
from tests.support.provisioned import ACTOR, connect, provision, scopes, set_active, setting_of, sign_in, tell
from tests.support.service_house import House
from tests.support.statements import statements
from vault.domain.accounts.roles import SCOPES_OF_ROLE, Role
from vault.services.sign_in.provisioned_groups import OpenedGroup
from vault.services.sign_in.provisioned_users import OpenedUser

ROLES: tuple[tuple[str, Role], ...] = (
    ("Quality", "listener"), ("Quality", "auditor"), ("Team", "supervisor"), ("Law", "privacy"), ("Law", "admin"),
    ("boss", "admin"),
)  # fmt: skip
LISTENER, SUPERVISOR, AUDITOR = (SCOPES_OF_ROLE[one] for one in ("listener", "supervisor", "auditor"))


@pytest.fixture
def provider() -> IdentityProvider:
    """A provider whose claim names a group of the directory, too."""
    provider = IdentityProvider()
    provider.claims["groups"] = ["Team"]
    return provider


async def group(house: House, name: str, *users: OpenedUser, external_id: str | None = None) -> OpenedGroup:
    """Let the directory tell of a group."""
    resource = {"displayName": name, "members": [{"value": one.row.id} for one in users]}
    if external_id is not None:
        resource["externalId"] = external_id
    return await house.vault.sign_in.provisioning.groups.create(await setting_of(house), resource, **ACTOR)


async def change(house: House, told: OpenedGroup, **more: object) -> None:
    """Let the directory tell another thing of it."""
    await house.vault.sign_in.provisioning.groups.change(
        await setting_of(house), told.row.id, lambda before: before | more, **ACTOR
    )


async def test_groups_give_and_take_roles_at_once(node: House, provider: IdentityProvider):
    """In the open session, and at the next sign-in; the claim gives none of theirs."""
    connection = await connect(node, ROLES)
    await provision(node, roles_from="group_names")
    ada = await tell(node, "ada")
    begun = await sign_in(node, provider, connection, "ada")
    assert await scopes(node, begun) == frozenset()
    told = await group(node, "quality", ada)
    assert await scopes(node, begun) == LISTENER | AUDITOR
    assert await scopes(node, await sign_in(node, provider, connection, "ada")) == LISTENER | AUDITOR
    await change(node, told, displayName="Team")
    assert await scopes(node, begun) == SUPERVISOR
    await change(node, told, members=[])
    assert await scopes(node, begun) == frozenset()
    await change(node, told, members=[{"value": ada.row.id}])
    assert await scopes(node, begun) == SUPERVISOR
    await node.vault.sign_in.provisioning.groups.delete(await setting_of(node), told.row.id, **ACTOR)
    assert await scopes(node, begun) == frozenset()


async def test_a_group_never_gives_holds_or_keys(node: House, provider: IdentityProvider):
    """Privacy and admin come with the claim, and stay when a group is left."""
    connection = await connect(node, ROLES)
    await provision(node, roles_from="group_names")
    ada = await tell(node, "ada")
    told = await group(node, "Law", ada)
    begun = await sign_in(node, provider, connection, "ada")
    assert await scopes(node, begun) == frozenset()
    provider.claims["groups"] = ["boss"]
    boss = await sign_in(node, provider, connection, "ada")
    assert await scopes(node, boss) == SCOPES_OF_ROLE["admin"]
    await change(node, told, members=[])
    assert await scopes(node, boss) == SCOPES_OF_ROLE["admin"]


async def test_groups_by_their_ids(node: House, provider: IdentityProvider):
    """The external id in the exact case; a name that is the value of a mapping gives nothing then."""
    connection = await connect(node, (("8aa1", "listener"),))
    await provision(node, roles_from="group_external_ids")
    ada = await tell(node, "ada")
    begun = await sign_in(node, provider, connection, "ada")
    await group(node, "8aa1", ada, external_id="other")
    await group(node, "Wrong case", ada, external_id="8AA1")
    assert await scopes(node, begun) == frozenset()
    await group(node, "Quality", ada, external_id="8aa1")
    assert await scopes(node, begun) == LISTENER


async def test_who_is_back_has_what_the_groups_give_now(node: House, provider: IdentityProvider):
    """A user who left keeps the membership, without any role until the directory says active."""
    connection = await connect(node, ROLES)
    await provision(node, roles_from="group_names")
    ada = await tell(node, "ada")
    await group(node, "Quality", ada)
    await sign_in(node, provider, connection, "ada")
    await set_active(node, ada, active=False)
    person = (await node.vault.sign_in.members.page(node.account.id, before=None, limit=1))[0]
    assert person.roles == ()
    await set_active(node, ada, active=True)
    assert await scopes(node, await sign_in(node, provider, connection, "ada")) == LISTENER | AUDITOR


async def test_without_groups_the_claim_gives_the_roles(node: House, provider: IdentityProvider):
    """And what groups gave is gone with the provisioning."""
    connection = await connect(node, ROLES)
    await provision(node)
    ada = await tell(node, "ada")
    begun = await sign_in(node, provider, connection, "ada")
    told = await group(node, "Quality", ada)
    assert await scopes(node, begun) == SUPERVISOR
    await change(node, told, members=[])
    assert await scopes(node, begun) == SUPERVISOR
    await node.vault.sign_in.provisioning.delete(node.account.id, **ME)
    assert await scopes(node, begun) == SUPERVISOR
    await provision(node, roles_from="group_names")
    await group(node, "Quality", await tell(node, "ada"))
    again = await sign_in(node, provider, connection, "ada")
    assert await scopes(node, again) == LISTENER | AUDITOR
    await node.vault.sign_in.provisioning.delete(node.account.id, **ME)
    assert await scopes(node, again) == frozenset()


async def test_the_cost_grows_with_those_whose_roles_change(node: House):
    """With the members by their own rows alone: nobody of these has signed in so far."""
    await connect(node, ROLES)
    await provision(node, roles_from="group_names")
    users = [await tell(node, f"u{number}") for number in range(30)]
    costs = []
    for size in (3, 30):
        told = await group(node, f"of {size}")
        with statements(node.database) as sent:
            await change(node, told, members=[{"value": one.row.id} for one in users[:size]])
        costs.append(len(sent))
    assert costs[1] - costs[0] <= 30 - 3
