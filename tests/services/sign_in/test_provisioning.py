"""People whom a directory tells: who is active signs in, who is not has lost everything when the answer comes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.support.invited import accept, device_of, events, invite, invite_by, is_welcome
from tests.support.parties import ME, let_in
from tests.support.provisioned import (
    ACTOR,
    connect,
    provision,
    scopes,
    set_active,
    setting_of,
    sign_in,
    tell,
)
from tests.support.service_house import LONG_AGO, House
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.sign_in.identity import provisioned_subject, stable_subject
from vault.domain.sign_in.provisioning import ResourceFilter
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.scim.refusals import NotUnique
from vault.errors import Invalid, NotAuthentic, NotFound, Refused
from vault.services.playback.link_request import LinkRequest
from vault.services.shared.approval_gate import may
from vault.services.sign_in.sign_in_connections import ConnectionChange

ADMIN = (("staff", "admin"),)
LINK = LinkRequest(listener="Carol", kind="player", life=timedelta(hours=1), sessions=1)


def everything_in(folder: Path) -> bytes:
    """Return all files."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def issue(house: House, maker: str) -> str:
    """Let somebody make an API key; return its id."""
    made, _ = await house.vault.accounts.api_keys.issue(
        name="k", scopes=["links:write"], account_id=house.account.id, actor=maker
    )
    return made.id


async def may_listen(house: House, person: str) -> bool:
    """Return whether a person may listen, as approvals ask."""
    return await house.database.read(lambda tx: may(tx, person, house.account.id, "recordings:read"))


async def dead_keys(house: House, *key_ids: str) -> list[bool]:
    """Return of each key whether it is revoked."""
    found = [await house.database.read(lambda tx, one=one: tx.api_keys.find(one)) for one in key_ids]  # type: ignore[misc]
    return [one is not None and one[0].revoked_at is not None for one in found]


async def dead_links(house: House, recording_id: str) -> dict[str, bool]:
    """Return of the maker of each link of a recording whether it is revoked."""
    links = await house.database.read(lambda tx: tx.links.of_recording(house.account.id, recording_id))
    return {one.created_by: one.revoked_at is not None for one in links}


@pytest.mark.parametrize("revokes_links", [True, False])
async def test_who_left_has_lost_everything_with_the_answer(
    node: House, provider: IdentityProvider, *, revokes_links: bool
):
    """Sessions, keys, keys made with these, and links where the setting says so; another person's stay."""
    connection = await connect(node)
    await provision(node, revokes_links=revokes_links)
    ada, _ = await tell(node, "ada"), await tell(node, "ben")
    adas, bens = [await sign_in(node, provider, connection, who) for who in ("ada", "ben")]
    makers = [one.session.person_id or "" for one in (adas, bens)]
    first, other = [await issue(node, maker) for maker in makers]
    second = await issue(node, first)
    # Whoever has such an address becomes the person that it is for.
    given = [await invite_by(node, maker) for maker in (*makers, second)]
    recording_id = await let_in(node)
    for maker in (*makers, second):
        await node.vault.playback.links.create(node.account.id, recording_id, LINK, actor=maker)
    await set_active(node, ada, active=False)
    assert await scopes(node, adas) is None
    # Nothing that she asked for or approved is carried out.
    assert [await may_listen(node, one) for one in makers] == [False, True]
    assert await scopes(node, bens) == {"recordings:read", "links:write"}
    assert await dead_keys(node, first, second, other) == [True, True, False]
    assert await dead_links(node, recording_id) == {
        makers[0]: revokes_links, second: revokes_links, makers[1]: False,
    }  # fmt: skip
    assert [await is_welcome(node, token) for token in given] == [False, True, False]
    assert "provisioned_user.deactivated" in await events(node)


async def test_only_who_is_active_signs_in(node: House, provider: IdentityProvider):
    """Neither who left, nor who was deleted, nor who was never told; who is back does."""
    connection = await connect(node)
    await sign_in(node, provider, connection, "eve")
    await provision(node)
    ada = await tell(node, "ada")
    await sign_in(node, provider, connection, "ada")
    with pytest.raises(SignInRefused, match="does not name you"):
        await sign_in(node, provider, connection, "eve")
    await set_active(node, ada, active=False)
    with pytest.raises(SignInRefused, match="does not name you"):
        await sign_in(node, provider, connection, "ada")
    await set_active(node, ada, active=True)
    begun = await sign_in(node, provider, connection, "ada")
    await node.vault.sign_in.provisioning.users.delete(await setting_of(node), ada.row.id, **ACTOR)
    assert await scopes(node, begun) is None
    with pytest.raises(SignInRefused, match="does not name you"):
        await sign_in(node, provider, connection, "ada")
    await node.vault.sign_in.provisioning.delete(node.account.id, **ME)
    assert await scopes(node, await sign_in(node, provider, connection, "ada"))


async def test_who_left_comes_in_by_no_other_connection(node: House, provider: IdentityProvider):
    """Of the same provider; whom the directory does not name does, by that one."""
    connection = await connect(node)
    stored = await node.vault.sign_in.connections.get(node.account.id, "main")
    change = ConnectionChange(settings=stored.settings, keep_secret=False)
    other = (await node.vault.sign_in.connections.set(node.account.id, "second", change, **ME)).id
    await provision(node)
    ada = await tell(node, "ada")
    begun = [await sign_in(node, provider, one, "ada") for one in (connection, other)]
    await set_active(node, ada, active=False)
    assert [await scopes(node, one) for one in begun] == [None, None]
    for one in (connection, other):
        with pytest.raises(SignInRefused, match="does not name you"):
            await sign_in(node, provider, one, "ada")
    assert await scopes(node, await sign_in(node, provider, other, "ben"))


async def test_another_external_id_is_another_person(node: House, provider: IdentityProvider):
    """The one before has lost access, as if the user had left."""
    connection = await connect(node)
    setting = await provision(node)
    ada = await tell(node, "ada")
    begun = await sign_in(node, provider, connection, "ada")
    await node.vault.sign_in.provisioning.users.change(
        setting, ada.row.id, lambda before: {**before, "externalId": "eve"}, **ACTOR
    )
    assert await scopes(node, begun) is None
    with pytest.raises(SignInRefused, match="does not name you"):
        await sign_in(node, provider, connection, "ada")
    await sign_in(node, provider, connection, "eve")


async def test_a_removed_person_does_not_come_back_with_the_directory(
    node: House, provider: IdentityProvider
):
    """An administrator of the account removed the person: active again in the directory is not enough."""
    connection = await connect(node)
    await provision(node)
    ada = await tell(node, "ada")
    begun = await sign_in(node, provider, connection, "ada")
    await node.vault.sign_in.members.remove(node.account.id, begun.session.person_id or "", **ME)
    await set_active(node, ada, active=False)
    await set_active(node, ada, active=True)
    with pytest.raises(SignInRefused, match="removed"):
        await sign_in(node, provider, connection, "ada")


async def test_the_last_administrator_stays(node: House, provider: IdentityProvider):
    """Until another one can sign in, by the provider or by a passkey."""
    connection = await connect(node, ADMIN)
    await provision(node)
    ada, ben = await tell(node, "ada"), await tell(node, "ben")
    begun = await sign_in(node, provider, connection, "ada")
    for _ in range(2):
        with pytest.raises(Refused, match="last administrator"):
            await set_active(node, ada, active=False)
        with pytest.raises(Refused, match="last administrator"):
            await node.vault.sign_in.provisioning.users.delete(await setting_of(node), ada.row.id, **ACTOR)
    assert await scopes(node, begun)
    await sign_in(node, provider, connection, "ben")
    await set_active(node, ben, active=False)
    with pytest.raises(Refused, match="last administrator"):
        await set_active(node, ada, active=False)
    issued = await invite(node)
    await accept(node, issued.token.text, device_of(node))
    await set_active(node, ada, active=False)
    assert await scopes(node, begun) is None


async def test_names_are_found_and_are_not_in_clear(node: House, tmp_path: Path):
    """By their hashes, a user name in any case; no file has one."""
    await connect(node)
    setting = await provision(node)
    await tell(node, "zoe-unusual")
    hashes = node.vault.sign_in.provisioning.users.hashes
    hashed = await hashes.of_name(node.account.id, "User", "ZOE-unusual@Acme.example")
    total, found = await node.vault.sign_in.provisioning.users.page(
        node.account.id, ResourceFilter(name_hash=hashed), start=0, limit=10
    )
    assert (total, found[0].resource["externalId"]) == (1, "zoe-unusual")
    for again in ({"userName": "Zoe-unusual@acme.example"}, {"userName": "z", "externalId": "zoe-unusual"}):
        with pytest.raises(NotUnique):
            await node.vault.sign_in.provisioning.users.create(setting, again, **ACTOR)
    everything = await asyncio.to_thread(everything_in, tmp_path)
    assert b"zoe-unusual" not in everything.lower()


async def test_two_tokens_are_good_at_once(node: House):
    """A third is refused; a revoked one opens nothing, and neither does one after the provisioning is deleted."""
    await connect(node)
    await provision(node)
    tokens = node.vault.sign_in.provisioning
    (first, old), (_, new) = (
        await tokens.issue(node.account.id, **ME),
        await tokens.issue(node.account.id, **ME),
    )
    with pytest.raises(Refused, match="There are 2 tokens"):
        await tokens.issue(node.account.id, **ME)
    caller = await tokens.authorize(old.text, node.account.ref)
    assert caller.token.id == first.id
    assert (await tokens.get(node.account.id)).tokens[0].last_used_at is not None
    with pytest.raises(NotFound):
        await tokens.authorize(old.text, "another")
    await tokens.revoke(node.account.id, first.id, **ME)
    await tokens.authorize(new.text, node.account.ref)
    await tokens.delete(node.account.id, **ME)
    for text in (old.text, new.text, new.text[:-1], "cvp_x", ""):
        with pytest.raises(NotAuthentic):
            await tokens.authorize(text, node.account.ref)


async def test_what_a_provisioning_belongs_to_stays(node: House):
    """Connection, issuer and origin of roles; and groups give no role where that needs a second person."""
    await connect(node)
    with pytest.raises(Invalid, match="no such sign-in connection"):
        await node.vault.sign_in.provisioning.set(
            node.account.id, connection="x", roles_from="claim", revokes_links=True, **ME
        )
    await provision(node)
    with pytest.raises(Refused, match="stay what they are"):
        await provision(node, roles_from="group_names")
    stored = await node.vault.sign_in.connections.get(node.account.id, "main")
    change = ConnectionChange(
        settings=replace(stored.settings, issuer="https://other.example"), keep_secret=True
    )
    with pytest.raises(Refused, match="Delete the provisioning first"):
        await node.vault.sign_in.connections.set(node.account.id, "main", change, **ME)
    await node.vault.sign_in.provisioning.delete(node.account.id, **ME)
    rule = ApprovalRule(
        enabled=True,
        verbs=frozenset({"sign_in_connection"}),
        version=1,
        changed_at=LONG_AGO,
        changed_by="key_test",
    )
    await node.database.write(lambda tx: tx.approval_rules.set(node.account.id, rule))
    with pytest.raises(Refused, match="second person"):
        await provision(node, roles_from="group_names")


@pytest.mark.parametrize(
    ("issuer", "claims"),
    [
        ("https://acme.okta.example", {}),
        ("https://login.microsoftonline.com/t-1/v2.0", {"tid": "t-1", "oid": "00u1"}),
        ("https://sts.windows.net/t-1/", {"tid": "t-1", "oid": "00u1"}),
    ],
)
def test_the_external_id_is_who_signs_in(issuer: str, claims: dict[str, str]):
    """The subject, and with Entra ID the object id, whose subject is another one for each client."""
    subject = "pairwise" if claims else "00u1"
    assert provisioned_subject(issuer, "00u1") == stable_subject(issuer, subject, claims)
