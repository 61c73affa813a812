"""Who left the directory stays out after a restore, over whatever database; and the directory goes on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.services.backup.test_restore_named import behind
from tests.services.closing_acts.test_journal import kept_up
from tests.support.parties import ME
from tests.support.provisioned import ACTOR, connect, provision, scopes, set_active, setting_of, sign_in, tell
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.sign_in.provisioning import ANY
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import NotAuthentic
from vault.services.sign_in.ask_provider import AskProvider
from vault.thread_pools import Threads

GROUPS = (("staff", "admin"), ("Quality", "listener"))


def asking(house: House, asks: AskProvider) -> House:
    """Let a restored vault ask the provider."""
    services = house.vault.sign_in
    signs = replace(services.sign_in, provider=asks)
    house.vault = replace(house.vault, sign_in=replace(services, sign_in=signs))
    return house


async def test_an_old_database_lets_nobody_back_in(
    node: House, provider: IdentityProvider, tmp_path: Path, threads: Threads
):
    """Who left, who was deleted, and whom the old database does not know; a token that was revoked, and a key."""
    connection = await connect(node)
    await provision(node)
    ada, ben, eve = [await tell(node, who) for who in ("ada", "ben", "eve")]
    sessions = {who: await sign_in(node, provider, connection, who) for who in ("ada", "ben", "eve")}
    token, text = await node.vault.sign_in.provisioning.issue(node.account.id, **ME)
    key, secret = await node.vault.accounts.api_keys.issue(
        name="k", scopes=["*"], account_id=node.account.id, actor=sessions["ada"].session.person_id or ""
    )

    async def leave(house: House) -> None:
        await set_active(house, ada, active=False)
        await house.vault.sign_in.provisioning.users.delete(await setting_of(house), ben.row.id, **ACTOR)
        await set_active(house, await tell(house, "kim"), active=False)
        await set_active(house, eve, active=False)
        await set_active(house, eve, active=True)
        await house.vault.sign_in.provisioning.revoke(house.account.id, token.id, **ME)
        await write_all(house)
        await kept_up(house)

    async with behind(node, leave, tmp_path / "old", threads) as restored:
        old = asking(restored, node.vault.sign_in.sign_in.provider)
        assert (await old.vault.backup.restore(actor="operator")).findings == []
        for who in ("ada", "ben", "kim"):
            with pytest.raises(SignInRefused, match="does not name you"):
                await sign_in(old, provider, connection, who)
        assert [await scopes(old, one) for one in sessions.values()] == [None] * 3
        assert await scopes(old, await sign_in(old, provider, connection, "eve"))
        with pytest.raises(NotAuthentic):
            await old.vault.sign_in.provisioning.authorize(text.text, old.account.ref)
        with pytest.raises(NotAuthentic):
            await old.vault.accounts.api_keys.authenticate(secret.text)
        assert key.id


async def test_the_object_store_alone_brings_the_directory_back(
    node: House, provider: IdentityProvider, tmp_path: Path, threads: Threads
):
    """Users and groups under their ids, without tokens: the next one goes on where the last ended."""
    connection = await connect(node, GROUPS)
    setting = await provision(node, roles_from="group_names")
    ada, ben = await tell(node, "ada"), await tell(node, "ben")
    resource = {"displayName": "Quality", "members": [{"value": ada.row.id}]}
    told = await node.vault.sign_in.provisioning.groups.create(setting, resource, **ACTOR)
    await set_active(node, ben, active=False)
    await node.vault.sign_in.provisioning.issue(node.account.id, **ME)
    await write_all(node)
    async with empty_house(node, tmp_path / "new", threads) as restored:
        new = asking(restored, node.vault.sign_in.sign_in.provider)
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []
        shown = await new.vault.sign_in.provisioning.get(node.account.id)
        assert (shown.setting.roles_from, shown.users, shown.groups, shown.tokens) == (
            "group_names",
            2,
            1,
            [],
        )
        users = new.vault.sign_in.provisioning.users
        _, found = await users.page(node.account.id, ANY, start=0, limit=10)
        assert {one.row.id: one.row.is_active for one in found} == {ada.row.id: True, ben.row.id: False}
        assert (
            await new.vault.sign_in.provisioning.groups.get(node.account.id, told.row.id)
        ).resource == resource
        begun = await sign_in(new, provider, connection, "ada")
        assert "recordings:read" in (await scopes(new, begun) or ())
        with pytest.raises(SignInRefused, match="does not name you"):
            await sign_in(new, provider, connection, "ben")
