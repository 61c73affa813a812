"""Operators who sign in at a provider: every account, given by the operator alone, gone as roles of accounts are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, SECRET
from tests.support.parties import let_in
from tests.support.service_house import House
from vault.control.socket import perform
from vault.domain.accounts.console_session import OPENED_AT_ONCE
from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import Invalid, NotAuthentic, NotFound
from vault.services.audit_log.access_log import EventFilter
from vault.services.playback.link_request import LinkRequest
from vault.services.shared.approval_gate import may
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.services.sign_in.sign_in import SignedInAtProvider
from vault.services.sign_in.sign_in_connections import ConnectionChange

OPERATOR = {"actor": "operator"}
SETTINGS = ProviderSettings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SECRET,
    scopes=("openid",),
    claim=("groups",),
    roles=(RoleMapping(value="vault-operators", role="operator"),),
)


@pytest.fixture
def provider() -> IdentityProvider:
    """A provider that says of everybody to be an operator."""
    provider = IdentityProvider()
    provider.claims["groups"] = ["vault-operators"]
    return provider


async def connect(house: House, **changed: object) -> str:
    """Set the operators' connection; return its id."""
    change = ConnectionChange(settings=replace(SETTINGS, **changed), keep_secret=False)
    return (await house.vault.sign_in.connections.set(OPERATORS, "operators", change, **OPERATOR)).id


async def sign_in(house: House, provider: IdentityProvider, connection_id: str) -> SignedInAtProvider:
    """Go to the provider and come back."""
    begun = await house.vault.sign_in.sign_in.begin(connection_id, return_path=None)
    said = provider.authorize(begun.address)
    answer = ProviderAnswer(state=said["state"], code=said["code"], issuer=said["iss"])
    return await house.vault.sign_in.sign_in.finish(
        connection_id, answer, secret=begun.attempt.secret.text, address="192.0.2.1", agent="test"
    )


async def scopes(house: House, signed_in: SignedInAtProvider) -> frozenset[str]:
    """Return what the session may do in the account. Raises NotAuthentic if it is over."""
    session, account = await house.vault.accounts.console_sessions.find(
        signed_in.secret.text, house.account.ref
    )
    assert account is not None
    return session.scopes


def everything_in(folder: Path) -> bytes:
    """Return all files."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_an_operator_has_every_account(node: House, provider: IdentityProvider):
    """The session is of no account, and has a name; who lacks the value is signed in and may do nothing."""
    connection = await connect(node)
    signed_in = await sign_in(node, provider, connection)
    assert signed_in.session.account_id is None
    assert await scopes(node, signed_in) == {"*"}
    assert await node.vault.accounts.console_sessions.name_of(signed_in.session) == "Ada Moreau"
    person = signed_in.session.person_id or ""
    assert await node.database.read(lambda tx: may(tx, person, node.account.id, "holds:write"))
    assert [one.id for one in await node.vault.accounts.console_sessions.list(None)] == [signed_in.session.id]
    provider.claims["groups"] = ["others"]
    provider.subject = "eve"
    nobody = await sign_in(node, provider, connection)
    assert await scopes(node, nobody) == frozenset()
    eve = nobody.session.person_id or ""
    assert not await node.database.read(lambda tx: may(tx, eve, node.account.id, "holds:write"))


async def test_only_the_operator_gives_the_role(node: House):
    """No account gives it, and the operators' connection gives no role of an account."""
    for account, role in ((node.account.id, "operator"), (OPERATORS, "admin")):
        roles = (RoleMapping(value="v", role=role),)  # type: ignore[arg-type]
        change = ConnectionChange(settings=replace(SETTINGS, roles=roles), keep_secret=False)
        with pytest.raises(Invalid, match="operator"):
            await node.vault.sign_in.connections.set(account, "x", change, **OPERATOR)


async def test_a_value_that_is_taken_ends_with_the_next_request(node: House, provider: IdentityProvider):
    """So does a deleted connection; the closing acts are those of the vault."""
    connection = await connect(node)
    signed_in = await sign_in(node, provider, connection)
    await connect(node, roles=())
    assert await scopes(node, signed_in) == frozenset()
    await connect(node)
    again = await sign_in(node, provider, connection)
    assert await scopes(node, again) == {"*"}
    await node.vault.sign_in.connections.delete(OPERATORS, "operators", **OPERATOR)
    assert await scopes(node, again) == frozenset()
    keys = [key for key in node.objects.objects if key.startswith("closing/vault/")]
    assert len(keys) == 2


async def test_the_provider_ends_what_an_operator_hears(node: House, provider: IdentityProvider):
    """The session, and the links that were opened for listening, of any account."""
    signed_in = await sign_in(node, provider, await connect(node))
    recording = await let_in(node, "r", call_ref="c")
    wish = LinkRequest(listener="Ada", kind="player", life=OPENED_AT_ONCE, sessions=1)
    link, _ = await node.vault.playback.links.create(
        node.account.id, recording, wish, actor=signed_in.session.actor
    )
    kept, _ = await node.vault.playback.links.create(
        node.account.id,
        recording,
        replace(wish, life=timedelta(hours=1), sessions=2),
        actor=signed_in.session.actor,
    )
    connection = await node.vault.sign_in.connections.get(OPERATORS, "operators")
    await node.vault.sign_in.sign_in.log_out(connection.id, provider.logout_token())
    with pytest.raises(NotAuthentic):
        await scopes(node, signed_in)
    links = {
        one.id: one.revoked_at for one, _ in await node.vault.playback.links.list(node.account.id, recording)
    }
    assert links[link.id] is not None
    assert links[kept.id] is None


async def test_the_operator_lists_and_removes_people(node: House, provider: IdentityProvider):
    """On the machine of the vault: a removed person's sessions end, and a sign-in is refused until readmitted."""
    connection = await connect(node)
    signed_in = await sign_in(node, provider, connection)
    provider.claims["groups"] = ["others"]
    provider.subject = "eve"
    await sign_in(node, provider, connection)
    provider.claims["groups"] = ["vault-operators"]
    provider.subject = "ada"
    people = (await perform(node.vault, "sign-in.people", {}))["people"]
    assert [(one["subject"], one["state"]) for one in people] == [("eve", "no role"), ("ada", "operator")]
    ada = {"person": people[1]["id"]}
    assert people[1]["name"] == "Ada Moreau"
    for _ in range(2):  # Repeated, it changes nothing.
        await perform(node.vault, "sign-in.remove", ada)
    with pytest.raises(NotAuthentic):
        await scopes(node, signed_in)
    with pytest.raises(SignInRefused, match="removed"):
        await sign_in(node, provider, connection)
    assert (await perform(node.vault, "sign-in.people", {}))["people"][1]["state"] == "removed"
    await perform(node.vault, "sign-in.readmit", ada)
    assert await scopes(node, await sign_in(node, provider, connection)) == {"*"}
    for command in ("sign-in.remove", "sign-in.readmit"):
        with pytest.raises(NotFound):
            await perform(node.vault, command, {"person": "per_nobody"})
    # The people of an account are not the operators'.
    assert await node.vault.sign_in.members.page(node.account.id, before=None, limit=9) == []


async def test_a_lost_connection_is_made_again_under_its_id(node: House):
    """No other connection's id, none for another one than it has, and only an id."""
    arguments = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "own_key": False,
        "scopes": ["openid"],
        "claim": ["groups"],
        "values": ["vault-operators"],
    }
    lost = "idp_" + "5" * 32
    shown = await perform(node.vault, "sign-in.set", arguments | {"id": lost})
    assert shown["redirect"].endswith(f"/console/callback/{lost}")
    assert await perform(node.vault, "sign-in.set", arguments | {"id": lost}) == shown
    for wrong in ("idp_" + "6" * 32, "main", lost.upper()):
        with pytest.raises(Invalid):
            await perform(node.vault, "sign-in.set", arguments | {"id": wrong})
    await perform(node.vault, "sign-in.delete", {})
    roles = (RoleMapping(value="v", role="listener"),)
    change = ConnectionChange(settings=replace(SETTINGS, roles=roles), keep_secret=False)
    taken = await node.vault.sign_in.connections.set(node.account.id, "main", change, **OPERATOR)
    with pytest.raises(Invalid, match="this id"):
        await perform(node.vault, "sign-in.set", arguments | {"id": taken.id})


async def test_nothing_is_in_clear(node: House, provider: IdentityProvider, tmp_path: Path):
    """Neither in the database nor in the log: events of no account have no detail."""
    await sign_in(node, provider, await connect(node))
    provider.lie = "idtoken-sig-none"
    connection = await node.vault.sign_in.connections.get(OPERATORS, "operators")
    assert SECRET not in repr(connection)
    stored = everything_in(tmp_path)
    for word in (SECRET, ISSUER, "vault-operators", "Ada Moreau"):
        assert word.encode() not in stored, word
    page = await node.vault.audit_log.access_log.list_events(
        node.account.id, EventFilter(), start=0, limit=100
    )
    assert not [one for one, _ in page.items if one.event.type.startswith("console.")]
