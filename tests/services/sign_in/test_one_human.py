"""One human who signs in by several connections, or as an operator too, is one: for approvals and for removals."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, SECRET
from tests.support.approvals import approve, ask, change_row, rule
from tests.support.parties import let_in, set_policy
from tests.support.service_house import House, another_node, new_house
from vault.domain.accounts.roles import Role
from vault.domain.approvals.approval import ApprovalState
from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping
from vault.domain.sign_in.identity import identity_in, new_identity, stable_subject
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import Refused
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.thread_pools import Threads

ME = {"actor": "operator"}


@dataclass
class Doors:
    """A vault with a provider, to which several connections lead."""

    house: House
    provider: IdentityProvider

    async def connect(self, name: str, *, account_id: str | None = None, role: Role = "privacy") -> None:
        """Set a connection to the provider."""
        settings = ProviderSettings(
            issuer=ISSUER,
            client_id=CLIENT,
            client_secret=SECRET,
            scopes=("openid",),
            claim=("groups",),
            roles=(RoleMapping(value="staff", role=role),),
        )
        change = ConnectionChange(settings=settings, keep_secret=False)
        await self.house.vault.sign_in.connections.set(
            account_id or self.house.account.id, name, change, **ME
        )

    async def sign_in(self, name: str, subject: str = "jane", *, account_id: str | None = None) -> str:
        """Sign somebody in by a connection; return the id of the person."""
        vault = self.house.vault
        connection = await vault.sign_in.connections.get(account_id or self.house.account.id, name)
        self.provider.subject = subject
        begun = await vault.sign_in.sign_in.begin(connection.id, return_path=None)
        said = self.provider.authorize(begun.address)
        answer = ProviderAnswer(state=said["state"], code=said["code"], issuer=said["iss"])
        done = await vault.sign_in.sign_in.finish(
            connection.id, answer, secret=begun.attempt.secret.text, address=None, agent=""
        )
        return done.session.person_id or ""

    async def forget_identities(self) -> None:
        """Let everybody be a person of an earlier release."""
        await change_row(self.house, "UPDATE people SET identity = NULL")


@pytest.fixture
async def doors(tmp_path: Path, threads: Threads) -> AsyncIterator[Doors]:
    """Two connections of an account and the operators' one, all to one provider."""
    async with new_house(tmp_path, threads) as first:
        provider = IdentityProvider()
        made = Doors(another_node(first, tmp_path, threads, rest=provider), provider)
        await made.connect("main")
        await made.connect("second")
        await made.connect("operators", account_id=OPERATORS, role="operator")
        yield made


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "of an earlier release"])
async def test_nobody_approves_by_another_connection_what_he_asked_for(doors: Doors, earlier: bool):
    """Neither by the account's second connection nor as an operator; a key that he made there is his too."""
    house = doors.house
    await set_policy(house)
    recording_id = await let_in(house)
    await rule(house, "recording_erasure", "call_erasure")
    one = await doors.sign_in("main")
    others = [await doors.sign_in("second"), await doors.sign_in("operators", account_id=OPERATORS)]
    assert len({one, *others}) == 3
    for other in tuple(others):
        key, _ = await house.vault.accounts.api_keys.issue(
            name="k", scopes=["*"], account_id=house.account.id, actor=other
        )
        others.append(key.id)
    if earlier:
        await doors.forget_identities()
    asked = await ask(house, recording_id, actor=one)
    for other in (one, *others):
        with pytest.raises(Refused) as refused:
            await approve(house, asked, actor=other)
        assert refused.value.reasons == ("same_key",), other
    ben = await doors.sign_in("second", "ben")
    assert (await approve(house, asked, actor=ben)).state is ApprovalState.EXECUTED


async def test_two_people_of_two_connections_are_two(doors: Doors):
    """An operator asks, another human of the account approves."""
    house = doors.house
    await set_policy(house)
    recording_id = await let_in(house)
    await rule(house, "recording_erasure")
    asked = await ask(
        house, recording_id, actor=await doors.sign_in("operators", "olga", account_id=OPERATORS)
    )
    done = await approve(house, asked, actor=await doors.sign_in("second", "ben"))
    assert done.state is ApprovalState.EXECUTED


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "of an earlier release"])
async def test_a_removed_human_comes_back_by_no_connection(doors: Doors, earlier: bool):
    """Not by a second one, nor by one of the same name made again; the sessions of all of them end."""
    house, account = doors.house, doors.house.account.id
    one, two = await doors.sign_in("main"), await doors.sign_in("second")
    ben = await doors.sign_in("second", "ben")
    if earlier:
        await doors.forget_identities()
    await house.vault.sign_in.members.remove(account, one, **ME)
    open_sessions = await house.vault.accounts.console_sessions.list(account)
    assert {session.person_id for session in open_sessions} == {ben}
    for made_again in (False, True):
        if made_again:
            await house.vault.sign_in.connections.delete(account, "main", **ME)
            await doors.connect("main")
        for name in ("main", "second"):
            with pytest.raises(SignInRefused, match="removed"):
                await doors.sign_in(name)
    assert await doors.sign_in("operators", account_id=OPERATORS)  # An account does not remove operators.
    await house.vault.sign_in.members.readmit(account, two, **ME)
    assert await doors.sign_in("second") == two
    assert await doors.sign_in("main")


async def test_who_was_removed_under_an_earlier_release_stays_out(doors: Doors):
    """The removal has no identity: it is computed from the sealed profile when the next one signs in."""
    account = doors.house.account.id
    await doors.house.vault.sign_in.members.remove(account, await doors.sign_in("main"), **ME)
    await doors.forget_identities()
    with pytest.raises(SignInRefused, match="removed"):
        await doors.sign_in("second")


async def test_identities_of_two_accounts_say_nothing_of_each_other():
    """Only the operators' one, which no account has, leads to both."""
    operator, first, second = (
        new_identity(b"k" * 32, place, ISSUER, "jane") for place in (OPERATORS, "acct_1", "acct_2")
    )
    assert len({operator, first, second}) == 3
    assert [identity_in(operator, place) for place in ("acct_1", "acct_2")] == [first, second]
    assert new_identity(b"l" * 32, OPERATORS, ISSUER, "jane") != operator


@pytest.mark.parametrize(
    ("issuer", "claims", "same"),
    [
        ("https://login.microsoftonline.com/t1/v2.0", {"tid": "t1", "oid": "o"}, True),
        ("https://sts.windows.net/t1/", {"tid": "t1", "oid": "o"}, True),
        ("https://login.microsoftonline.com/t2/v2.0", {"tid": "t1", "oid": "o"}, False),
        ("https://idp.example/t1", {"tid": "t1", "oid": "o"}, False),
        ("https://login.microsoftonline.com/t1/v2.0", {"tid": "t1"}, False),
    ],
)
def test_entra_says_one_object_id_to_all_clients(issuer: str, claims: dict[str, str], same: bool):
    """Its ``sub`` is another one for each client. No other provider chooses what is compared."""
    assert (stable_subject(issuer, "sub", claims) == ("entra/t1", "o")) is same
    assert same or stable_subject(issuer, "sub", claims) == (issuer, "sub")


async def test_a_later_sign_in_fills_the_identity(doors: Doors):
    """Also of a person whose profile does not give the one that the provider says now."""
    one = await doors.sign_in("main")
    before = await doors.house.database.read(lambda tx: tx.people.get(doors.house.account.id, one))
    await doors.forget_identities()
    assert await doors.sign_in("main") == one
    after = await doors.house.database.read(lambda tx: tx.people.get(doors.house.account.id, one))
    assert before is not None
    assert after is not None
    assert after.identity == before.identity
    assert after == replace(before, sealed_profile=after.sealed_profile, last_at=after.last_at)
