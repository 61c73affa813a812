"""Invited people: an address makes a passkey once, and a passkey signs in, on both databases."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.invited import (
    ADMIN,
    BROWSER,
    BY_ALL,
    LISTENER,
    accept,
    become,
    device_of,
    events,
    invite,
    invite_by,
    is_welcome,
    sign_in,
    terms_of,
)
from tests.support.parties import ME
from tests.support.service_house import House
from tests.support.software_authenticator import UP, UV
from vault.domain.sign_in.invitation import LIFE, RECOVERY_WAIT
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import NotAuthentic, NotFound, Refused
from vault.services.service import Vault
from vault.services.sign_in.passkeys import SignedInByPasskey


async def test_an_invited_person_makes_a_passkey_and_signs_in_with_it(either: House):
    """With the scopes of the roles; name, e-mail and the agents' names are sealed."""
    house = either
    made, device = await invite(house, LISTENER), device_of(house)
    first = await accept(house, made.token.text, device)
    again = await sign_in(house, device)
    for begun in (first, again):
        session, _ = await house.vault.accounts.console_sessions.find(begun.secret.text, house.account.id)
        assert (session.person_id, session.scopes) == (made.invitation.person_id, frozenset())
        assert session.limited_scopes == {"recordings:read", "links:write"}
        assert await house.vault.accounts.console_sessions.name_of(session) == "Ben"
    member = await house.vault.sign_in.members.get(house.account.id, made.invitation.person_id)
    assert terms_of(member) == LISTENER
    assert (member.passkeys, member.invitation) == (1, None)
    row = repr(await house.database.read(lambda tx: tx.people.get(house.account.id, member.row.id)))
    assert not [word for word in ("Ben", "ada@acme", "Kim") if word in row]
    assert [one for one in await events(house) if one.startswith(("member", "inv", "role", "pass", "cons"))] == [
        "member.invited", "role.granted", "invitation.issued", "invitation.ended", "passkey.added", "console.signed_in",
        "console.signed_in",
    ]  # fmt: skip


async def test_an_address_works_once_for_seven_days(either: House):
    """Neither a second time, nor afterwards, nor once it is revoked, nor with a challenge of another purpose."""
    house, passkeys = either, either.vault.sign_in.passkeys
    made = await invite(house)
    challenge = await passkeys.challenge("sign_in", made.token.text)
    with pytest.raises(SignInRefused) as refused:
        await passkeys.accept(made.token.text, device_of(house).make(challenge), name=None, browser=BROWSER)
    assert refused.value.failed == "challenge"
    await accept(house, made.token.text, device_of(house))
    revoked = await invite(house)
    person = revoked.invitation.person_id
    await house.vault.sign_in.invitations.revoke(house.account.id, person, revoked.invitation.id, **ME)
    late = await invite(house)
    for token in (made.token.text, revoked.token.text, "unknown"):
        with pytest.raises(SignInRefused, match="used already"):
            await accept(house, token, device_of(house))
    then = replace(passkeys, clock=lambda: datetime.now(UTC) + LIFE)
    with pytest.raises(SignInRefused, match="used already"):
        await then.welcome(late.token.text)


async def test_two_browsers_open_one_address_at_once(either: House):
    """One of them gets a passkey."""
    house = either
    made = await invite(house)
    tries = [accept(house, made.token.text, device_of(house)) for _ in range(4)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert len([one for one in done if isinstance(one, SignedInByPasskey)]) == 1
    assert len([one for one in done if isinstance(one, SignInRefused)]) == 3, done
    member = await house.vault.sign_in.members.get(house.account.id, made.invitation.person_id)
    assert member.passkeys == 1


async def test_what_a_wrong_device_gets(either: House):
    """A challenge twice, in another browser, a counter that went back, another person's handle, an unknown passkey."""
    house, passkeys = either, either.vault.sign_in.passkeys
    made, device = await invite(house), device_of(house)
    device.count = 7
    await accept(house, made.token.text, device)
    await sign_in(house, device)
    challenge = await passkeys.challenge("sign_in", "cookie")
    answer = device.use(challenge)
    with pytest.raises(SignInRefused) as refused:
        await passkeys.sign_in(answer, bound_to="another browser", browser=BROWSER)
    assert refused.value.failed == "challenge"
    await passkeys.sign_in(answer, bound_to="cookie", browser=BROWSER)
    with pytest.raises(SignInRefused) as refused:
        await passkeys.sign_in(answer, bound_to="cookie", browser=BROWSER)
    assert refused.value.failed == "challenge"
    device.count = 2
    with pytest.raises(SignInRefused) as refused:
        await sign_in(house, device)
    assert refused.value.failed == "counter"
    device.count = 100
    for wrong in (
        sign_in(house, device, handle=b"another person"),
        sign_in(house, device_of(house)),
    ):
        with pytest.raises(SignInRefused) as refused:
            await wrong
        assert refused.value.failed == "passkey"
    forged = device_of(house)
    forged.credential_id = device.credential_id
    with pytest.raises(SignInRefused) as refused:
        await sign_in(house, forged)
    assert (refused.value.failed, str(refused.value)) == ("signature", str(SignInRefused("passkey")))
    device.flags = UP
    with pytest.raises(SignInRefused) as refused:
        await sign_in(house, device)
    assert refused.value.failed == "not_verified"
    device.flags = UP | UV
    await sign_in(house, device)
    refusals = [one for one in await events(house) if one == "console.refused"]
    assert len(refusals) == 5  # Not those of what is not known.


async def test_a_removed_person_has_no_passkey_and_no_role_any_more(either: House):
    """Also not after a readmission: then it needs roles and an address."""
    house, members = either, either.vault.sign_in.members
    account_id = house.account.id
    await accept(house, (await invite(house)).token.text, device_of(house))
    made, device = await invite(house), device_of(house)
    begun = await accept(house, made.token.text, device)
    person = made.invitation.person_id
    open_one = await house.vault.sign_in.invitations.issue(account_id, person, **BY_ALL)
    await members.remove(account_id, person, **ME)
    with pytest.raises(NotAuthentic):
        await house.vault.accounts.console_sessions.find(begun.secret.text, account_id)
    await members.readmit(account_id, person, **ME)
    with pytest.raises(SignInRefused, match="does not sign in here"):
        await sign_in(house, device)
    with pytest.raises(SignInRefused, match="used already"):
        await house.vault.sign_in.passkeys.welcome(open_one.token.text)
    found = await members.get(account_id, person)
    assert (found.roles, found.passkeys) == ((), 0)


async def test_the_addresses_that_a_removed_person_issued_open_nothing(either: House):
    """Else whoever is removed comes back as somebody else."""
    await accept(either, (await invite(either)).token.text, device_of(either))
    removed = await accept(either, (await invite(either)).token.text, device_of(either))
    person = removed.session.person_id or ""
    own, other = await invite_by(either, person), await invite_by(either, "key_test")
    await either.vault.sign_in.members.remove(either.account.id, person, **ME)
    assert [await is_welcome(either, token) for token in (own, other)] == [False, True]
    assert (await events(either)).count("invitation.ended") == 3


async def test_an_address_for_who_has_a_passkey_waits_a_day_and_takes_its_place(either: House):
    """Until then it can be seen and revoked; used, it removes the passkeys before it."""
    house, passkeys = either, either.vault.sign_in.passkeys
    made, lost = await invite(house), device_of(house)
    await accept(house, made.token.text, lost)
    person = made.invitation.person_id
    again = await house.vault.sign_in.invitations.issue(house.account.id, person, **BY_ALL)
    member = await house.vault.sign_in.members.get(house.account.id, person)
    assert member.invitation == again.invitation
    assert (await passkeys.welcome(again.token.text)).invitation == again.invitation
    new = device_of(house)
    with pytest.raises(SignInRefused, match="used already"):
        await accept(house, again.token.text, new)
    await sign_in(house, lost)

    def then() -> datetime:
        return datetime.now(UTC) + RECOVERY_WAIT + timedelta(minutes=1)

    later = replace(passkeys, clock=then, proofs=replace(passkeys.proofs, clock=then))
    challenge = await later.challenge("invitation", again.token.text)
    await later.accept(again.token.text, new.make(challenge), name=None, browser=BROWSER)
    with pytest.raises(SignInRefused, match="does not sign in here"):
        await sign_in(house, lost)
    assert (await sign_in(house, new)).session.person_id == person


async def test_the_last_administrator_stays(either: House):
    """Of two who go at once, one stays; who was invited and never came is none."""
    house, account_id = either, either.account.id
    people = []
    for _ in range(2):
        made = await invite(house)
        await accept(house, made.token.text, device_of(house))
        people.append(made.invitation.person_id)
    await invite(house)
    remove, change = house.vault.sign_in.members.remove, house.vault.sign_in.invited_people.change
    gone = [
        remove(account_id, people[0], **ME),
        change(account_id, people[1], become(LISTENER), **BY_ALL),
    ]
    done = await asyncio.gather(*gone, return_exceptions=True)
    assert [one.reasons for one in done if isinstance(one, Refused)] == [("last_admin",)], done
    (left,) = [
        one for one in people if (await house.vault.sign_in.members.get(account_id, one)).roles == ("admin",)
    ]
    for act in (remove(account_id, left, **ME), change(account_id, left, become(LISTENER), **BY_ALL)):
        with pytest.raises(Refused, match="last administrator"):
            await act


async def test_roles_that_are_taken_end_with_the_next_request(either: House):
    """And those that stay keep their id, so that nobody loses what he hears."""
    house, account_id = either, either.account.id
    terms = replace(ADMIN, roles=("auditor", "listener"))
    made = await invite(house, terms)
    begun = await accept(house, made.token.text, device_of(house))
    before = await house.database.read(lambda tx: tx.people.get(account_id, made.invitation.person_id))
    assert before is not None
    await house.vault.sign_in.invited_people.change(
        account_id,
        before.id,
        become(replace(terms, roles=("auditor", "supervisor"), agents=("Kim",))),
        **BY_ALL,
    )
    session, _ = await house.vault.accounts.console_sessions.find(begun.secret.text, account_id)
    assert session.scopes == {"audit:read"}
    after = await house.database.read(lambda tx: tx.people.get(account_id, before.id))
    assert after is not None
    assert len(set(before.role_ids) & set(after.role_ids)) == 1


async def test_a_person_of_another_account_is_not_there(either: House):
    """404 for every act."""
    house, vault = either, either.vault
    made = await invite(house)
    other, _ = await vault.accounts.accounts.open("other", name="Other", locale="en", **ME)
    person_id, invitation_id = made.invitation.person_id, made.invitation.id
    for act in _acts(vault, other.id, person_id, invitation_id):
        with pytest.raises(NotFound):
            await act


def _acts(vault: Vault, account_id: str, person_id: str, invitation_id: str):
    invitations = vault.sign_in.invitations
    yield vault.sign_in.members.get(account_id, person_id)
    yield vault.sign_in.invited_people.change(account_id, person_id, become(ADMIN), **BY_ALL)
    yield invitations.issue(account_id, person_id, **BY_ALL)
    yield invitations.revoke(account_id, person_id, invitation_id, **ME)
    yield vault.sign_in.own_passkeys.list(account_id, person_id)
    yield vault.sign_in.own_passkeys.remove(account_id, person_id, "pkey_1", **ME)
