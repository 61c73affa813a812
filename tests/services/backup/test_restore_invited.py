"""Invited people after a restore: roles and passkeys come back, and what was taken away stays away."""

from pathlib import Path

import pytest

from tests.services.backup.test_restore_named import behind
from tests.services.closing_acts.test_journal import kept_up
from tests.support.invited import BY_ALL, LISTENER, accept, become, device_of, invite, sign_in, terms_of
from tests.support.parties import ME
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.sign_in.refusals import SignInRefused
from vault.thread_pools import Threads


async def test_an_old_database_opens_no_address_and_no_passkey_again(
    house: House, tmp_path: Path, threads: Threads
):
    """A used and a revoked address, a removed person, a taken role, after their objects went."""
    account_id = house.account.id
    used, revoked, left, tight = [await invite(house) for _ in range(4)]
    devices = {one.token.text: device_of(house) for one in (used, left, tight)}
    for one in (left, tight):
        await accept(house, one.token.text, devices[one.token.text])

    async def take_away(house: House) -> None:
        invitations = house.vault.sign_in.invitations
        await accept(house, used.token.text, devices[used.token.text])
        await invitations.revoke(account_id, revoked.invitation.person_id, revoked.invitation.id, **ME)
        await house.vault.sign_in.members.remove(account_id, left.invitation.person_id, **ME)
        await house.vault.sign_in.invited_people.change(
            account_id, tight.invitation.person_id, become(LISTENER), **BY_ALL
        )
        await write_all(house)
        await kept_up(house)

    async with behind(house, take_away, tmp_path / "old", threads) as old:
        report = await old.vault.backup.restore(actor="operator")
        assert report.findings == []
        for one in (used, revoked):
            with pytest.raises(SignInRefused, match="used already"):
                await old.vault.sign_in.passkeys.welcome(one.token.text)
        with pytest.raises(SignInRefused, match="does not sign in here"):
            await sign_in(old, devices[left.token.text])
        assert (await sign_in(old, devices[used.token.text])).session.allows("keys:write")
        begun = await sign_in(old, devices[tight.token.text])
        assert (begun.session.scopes, len(begun.session.limits)) == (frozenset(), 1)


async def test_the_object_store_alone_brings_invited_people_back(
    house: House, tmp_path: Path, threads: Threads
):
    """With roles, agents, names and passkeys, and without open addresses."""
    made, waiting, device = await invite(house, LISTENER), await invite(house), device_of(house)
    await accept(house, made.token.text, device)
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        member = await new.vault.sign_in.members.get(house.account.id, made.invitation.person_id)
        assert (terms_of(member), member.passkeys) == (LISTENER, 1)
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []
        begun = await sign_in(new, device)
        assert begun.session.limited_scopes == {"recordings:read", "links:write"}
        with pytest.raises(SignInRefused, match="used already"):
            await new.vault.sign_in.passkeys.welcome(waiting.token.text)
