"""What people do with their own passkeys: prove one again, add one, remove one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.invited import LISTENER, accept, device_of, events, invite, sign_in
from tests.support.parties import ME
from tests.support.service_house import House
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import NotAuthentic, NotFound, Refused


async def test_own_passkeys_need_a_fresh_proof(either: House):
    """A second one is added, the first removed, and the last one stays."""
    house, own = either, either.vault.sign_in.own_passkeys
    account_id = house.account.id
    made, first, second = await invite(house), device_of(house), device_of(house)
    session = (await accept(house, made.token.text, first)).session
    old = replace(session, verified_at=datetime.now(UTC) - timedelta(minutes=15))
    challenge = await house.vault.sign_in.passkeys.challenge("add", session.id)
    with pytest.raises(Refused, match="Confirm first"):
        await own.add(old, second.make(challenge), name=None)
    answer = second.make(challenge)
    await own.add(session, answer, name="Key")
    with pytest.raises(SignInRefused):
        await own.add(session, answer, name="Key")
    assert [one.name for one in await own.list(account_id, session.person_id or "")] == ["Laptop", "Key"]
    proof = await house.vault.sign_in.passkeys.challenge("verify", session.id)
    for wrong in (second.use(challenge), device_of(house).use(proof)):
        with pytest.raises(SignInRefused):
            await own.verify(session, wrong)
    await own.verify(session, second.use(proof))
    stored = await house.database.read(lambda tx: tx.console_sessions.get(session.id))
    assert stored is not None
    assert stored.verified_at is not None
    assert session.verified_at is not None
    assert stored.verified_at > session.verified_at
    one, other = [found.row.id for found in await own.list(account_id, session.person_id or "")]
    await own.remove(account_id, session.person_id or "", one, **ME)
    with pytest.raises(SignInRefused, match="does not sign in here"):
        await sign_in(house, first)
    with pytest.raises(Refused, match="last passkey"):
        await own.remove(account_id, session.person_id or "", other, **ME)


async def test_another_person_of_the_account_cannot_prove_it(either: House):
    """A verification is by a passkey of the session's own person."""
    house = either
    made, mine, hers = await invite(house), device_of(house), device_of(house)
    session = (await accept(house, made.token.text, mine)).session
    await accept(house, (await invite(house, LISTENER)).token.text, hers)
    proof = await house.vault.sign_in.passkeys.challenge("verify", session.id)
    with pytest.raises(SignInRefused, match="does not sign in here"):
        await house.vault.sign_in.own_passkeys.verify(session, hers.use(proof))


async def test_all_sessions_of_a_person_end_at_once(either: House):
    """Those of another person stay, each end is logged, and the person signs in again."""
    house, sessions = either, either.vault.accounts.console_sessions
    account_id, members = house.account.id, house.vault.sign_in.members
    made, mine, hers = await invite(house), device_of(house), device_of(house)
    begun = [await accept(house, made.token.text, mine), await sign_in(house, mine)]
    other = await accept(house, (await invite(house, LISTENER)).token.text, hers)
    person_id = made.invitation.person_id
    assert {one.id for one in await sessions.list(account_id, person_id=person_id)} == {
        one.session.id for one in begun
    }
    foreign, _ = await house.vault.accounts.accounts.open("other", name="Other", locale="en", **ME)
    with pytest.raises(NotFound):
        await members.end_sessions(foreign.id, person_id, **ME)
    for _ in range(2):
        await members.end_sessions(account_id, person_id, **ME)
    for one in begun:
        with pytest.raises(NotAuthentic):
            await sessions.find(one.secret.text, account_id)
    await sessions.find(other.secret.text, account_id)
    assert (await events(house)).count("console.ended") == 2
    await sessions.find((await sign_in(house, mine)).secret.text, account_id)
