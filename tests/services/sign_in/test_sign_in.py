"""Signing in by a connection: who gets a session, what it may do, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, SECRET
from tests.support.service_house import House, another_node, new_house
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.sign_in.connection import ProviderSettings, RoleMapping, SignInConnection
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import Invalid, NotAuthentic, NotFound
from vault.services.audit_log.access_log import EventFilter
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.services.sign_in.sign_in import SignedInAtProvider
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.thread_pools import Threads

LISTENER = {"recordings:read", "links:write"}
SETTINGS = ProviderSettings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SECRET,
    scopes=("openid",),
    claim=("groups",),
    roles=(RoleMapping(value="staff", role="listener"), RoleMapping(value="boss", role="admin")),
)


@dataclass
class Scene:
    """A vault whose account is connected to a provider."""

    house: House
    provider: IdentityProvider
    connection: SignInConnection

    async def change(self, **settings: object) -> SignInConnection:
        """Change the connection."""
        change = ConnectionChange(settings=replace(SETTINGS, **settings), keep_secret=True)
        return await self.house.vault.sign_in.connections.set(
            self.house.account.id, "main", change, actor="key_admin"
        )

    async def sign_in(
        self, *, name: str = "main", current: ConsoleSession | None = None
    ) -> SignedInAtProvider:
        """Go to the provider and come back; ``current``: the session that the browser has."""
        connection = await self.house.vault.sign_in.connections.get(self.house.account.id, name)
        begun = await self.house.vault.sign_in.sign_in.begin(connection.id, return_path="/console/x")
        said = self.provider.authorize(begun.address)
        answer = ProviderAnswer(state=said["state"], code=said["code"], issuer=said["iss"])
        return await self.house.vault.sign_in.sign_in.finish(
            connection.id,
            answer,
            secret=begun.attempt.secret.text,
            current=current,
            address="192.0.2.1",
            agent="test",
        )

    async def scopes(self, signed_in: SignedInAtProvider) -> frozenset[str]:
        """Return what the session may do now. Raises NotAuthentic if it is over."""
        session, account = await self.house.vault.accounts.console_sessions.find(
            signed_in.secret.text, self.house.account.ref
        )
        assert account is not None
        return session.scopes

    async def details(self, kind: str) -> list[dict[str, str]]:
        """Return the opened details of the account's events of a kind."""
        page = await self.house.vault.audit_log.access_log.list_events(
            self.house.account.id, EventFilter(), start=0, limit=1000
        )
        return [dict(detail) for logged, detail in page.items if logged.event.type == kind]


@pytest.fixture
async def scene(tmp_path: Path, threads: Threads) -> AsyncIterator[Scene]:
    """A scene."""
    async with new_house(tmp_path, threads) as first:
        provider = IdentityProvider()
        house = another_node(first, tmp_path, threads, rest=provider)
        change = ConnectionChange(settings=SETTINGS, keep_secret=False)
        connection = await house.vault.sign_in.connections.set(
            house.account.id, "main", change, actor="key_admin"
        )
        yield Scene(house, provider, connection)


async def test_a_person_gets_the_scopes_of_the_roles(scene: Scene):
    """The union of the roles whose values the claim has; the sign-in is logged with name and address, sealed."""
    listener = await scene.sign_in()
    assert await scene.scopes(listener) == LISTENER
    assert listener.return_path == "/console/x"
    scene.provider.claims["groups"] = ["staff", "boss", "others"]
    both = await scene.sign_in()
    assert {"keys:write", "recordings:read"} <= await scene.scopes(both)
    assert both.session.person_id == listener.session.person_id
    while await scene.house.vault.jobs.log_publisher.sequence():
        pass
    assert (await scene.details("console.signed_in"))[0] == {
        "address": "192.0.2.1",
        "user_agent": "test",
        "connection": "main",
        "name": "Ada Moreau",
    }


async def test_a_session_that_ends_while_somebody_signs_in_does_not_go_on(scene: Scene):
    """Wrong: to go on with what was read before the provider answered."""
    first = await scene.sign_in()
    again = await scene.sign_in(current=first.session)
    assert (again.session.id, again.secret) == (first.session.id, None)
    await scene.house.vault.accounts.console_sessions.end(
        first.session.id, account_id=scene.house.account.id, actor="key_admin", reason="ended"
    )
    other = await scene.sign_in(current=first.session)
    assert other.session.id != first.session.id
    assert await scene.scopes(other) == first.session.scopes


async def test_who_matches_nothing_is_signed_in_and_may_do_nothing(scene: Scene):
    """Also where the claim is missing: the roles of the last sign-in are not kept, in no session of the person."""
    before = await scene.sign_in()
    del scene.provider.claims["groups"]
    after = await scene.sign_in()
    assert await scene.scopes(after) == frozenset()
    assert await scene.scopes(before) == frozenset()


async def test_a_role_that_is_taken_ends_with_the_next_request(scene: Scene):
    """The session stays, without the scopes; given again, it has them again only after a sign-in."""
    signed_in = await scene.sign_in()
    await scene.change(roles=(RoleMapping(value="boss", role="admin"),))
    assert await scene.scopes(signed_in) == frozenset()
    await scene.change()
    assert await scene.scopes(signed_in) == frozenset()
    assert await scene.scopes(await scene.sign_in()) == LISTENER


async def test_another_role_for_the_same_value_is_another_mapping(scene: Scene):
    """Its people get it with their next sign-in."""
    signed_in = await scene.sign_in()
    await scene.change(roles=(RoleMapping(value="staff", role="auditor"),))
    assert await scene.scopes(signed_in) == frozenset()
    assert await scene.scopes(await scene.sign_in()) == {"audit:read"}


async def test_another_issuer_takes_every_role_and_the_secret(scene: Scene):
    """A value means something else at another provider, and the secret of one is not sent to another."""
    signed_in = await scene.sign_in()
    changed = await scene.change(issuer="https://other-idp.example", client_secret=None)
    assert changed.settings.client_secret is None
    assert await scene.scopes(signed_in) == frozenset()
    kept = await scene.change(issuer="https://other-idp.example", client_secret="new")
    assert kept.settings.client_secret is None  # keep_secret: what is sent is not looked at.


async def test_the_same_e_mail_is_another_person(scene: Scene):
    """The person is (connection, issuer, subject)."""
    scene.provider.claims["email"] = "ada@example.com"
    first = await scene.sign_in()
    scene.provider.subject = "another ada"
    second = await scene.sign_in()
    assert first.session.person_id != second.session.person_id
    members = await scene.house.vault.sign_in.members.page(scene.house.account.id, before=None, limit=10)
    assert {member.subject for member in members} == {"ada", "another ada"}
    assert {member.roles for member in members} == {("listener",)}


async def test_a_removed_member_is_out_and_stays_out(scene: Scene):
    """All sessions end, a sign-in is refused and logged; readmitted, the person signs in again."""
    sessions = [await scene.sign_in(), await scene.sign_in()]
    account, person = scene.house.account.id, sessions[0].session.person_id or ""
    await scene.house.vault.sign_in.members.remove(account, person, actor="key_admin")
    for session in sessions:
        with pytest.raises(NotAuthentic):
            await scene.scopes(session)
    with pytest.raises(SignInRefused, match="removed"):
        await scene.sign_in()
    await scene.house.vault.sign_in.members.readmit(account, person, actor="key_admin")
    assert await scene.scopes(await scene.sign_in()) == LISTENER
    with pytest.raises(NotFound):
        await scene.house.vault.sign_in.members.remove("acct_other", person, actor="key_admin")


async def test_a_deleted_connection_signs_nobody_in(scene: Scene):
    """And gives nothing to who is signed in."""
    signed_in = await scene.sign_in()
    await scene.house.vault.sign_in.connections.delete(scene.house.account.id, "main", actor="key_admin")
    assert await scene.scopes(signed_in) == frozenset()
    with pytest.raises(NotFound):
        await scene.house.vault.sign_in.sign_in.begin(scene.connection.id, return_path=None)


async def test_a_state_is_used_once_and_by_its_browser(scene: Scene):
    """A used state, another browser's, another connection's, one that is over, and none: all the same refusal."""
    vault = scene.house.vault
    other = await vault.sign_in.connections.set(
        scene.house.account.id, "other", ConnectionChange(settings=SETTINGS, keep_secret=False), actor="k"
    )

    async def finish(connection: str, state: str, code: str, secret: str) -> SignedInAtProvider:
        answer = ProviderAnswer(state=state, code=code, issuer=ISSUER)
        return await vault.sign_in.sign_in.finish(connection, answer, secret=secret, address=None, agent="")

    async def begun() -> tuple[str, str, str]:
        attempt = await vault.sign_in.sign_in.begin(scene.connection.id, return_path=None)
        said = scene.provider.authorize(attempt.address)
        return said["state"], said["code"], attempt.attempt.secret.text

    state, code, secret = await begun()
    await finish(scene.connection.id, state, code, secret)
    for case in ("used", "stolen", "other connection", "unknown", "late"):
        if case != "used":
            state, code, secret = await begun()
        asked = vault.sign_in.sign_in
        if case == "late":
            asked = replace(asked, clock=lambda: datetime.now(UTC) + timedelta(minutes=11))
        with pytest.raises(SignInRefused) as refused:
            await asked.finish(
                other.id if case == "other connection" else scene.connection.id,
                ProviderAnswer(state="nobody's" if case == "unknown" else state, code=code, issuer=ISSUER),
                secret="another browser's" if case == "stolen" else secret,
                address=None,
                agent="",
            )
        assert refused.value.failed == "state", case


async def test_a_refusal_is_logged_by_its_code(scene: Scene):
    """The attempt was ours; what nobody began is not logged, so that a flood does not fill the log."""
    scene.provider.lie = "groups overage"
    with pytest.raises(SignInRefused, match="too many"):
        await scene.sign_in()
    with pytest.raises(SignInRefused):
        await scene.house.vault.sign_in.sign_in.finish(
            scene.connection.id, ProviderAnswer(state="x", code="y"), secret="z", address=None, agent=""
        )
    while await scene.house.vault.jobs.log_publisher.sequence():
        pass
    assert (await scene.house.events()).count("console.refused") == 1


@pytest.mark.parametrize("by", ["sid", "sub"])
async def test_the_provider_ends_sessions(scene: Scene, by: str):
    """By its session, or by the person on every device; a token is taken once."""
    here, there = await scene.sign_in(), await scene.sign_in()
    token = scene.provider.logout_token(**({"sub": None} if by == "sid" else {"sid": None}))
    await scene.house.vault.sign_in.sign_in.log_out(scene.connection.id, token)
    for session in (here, there):
        with pytest.raises(NotAuthentic):
            await scene.scopes(session)
    with pytest.raises(SignInRefused, match="replay"):
        await scene.house.vault.sign_in.sign_in.log_out(scene.connection.id, token)


async def test_another_session_of_the_provider_stays(scene: Scene):
    """A logout that names one session ends that one."""
    here = await scene.sign_in()
    await scene.house.vault.sign_in.sign_in.log_out(
        scene.connection.id, scene.provider.logout_token(sid="sid-2")
    )
    assert await scene.scopes(here) == LISTENER


@pytest.mark.parametrize(
    "issuer",
    [
        "http://idp.example",
        "https://idp.example?x=1",
        "https://a@idp.example",
        "ftp://idp.example",
        "https://",
        "//x",
    ],
)
async def test_an_issuer_is_an_https_address(scene: Scene, issuer: str):
    """Anything else names the field."""
    with pytest.raises(Invalid) as refused:
        await scene.change(issuer=issuer)
    assert refused.value.field == "issuer"


async def test_nothing_that_was_typed_is_in_the_database(scene: Scene, tmp_path: Path):
    """Neither the secret nor the issuer, the values of roles, the person's name and subject."""
    await scene.sign_in()
    files = await asyncio.to_thread(lambda: list(tmp_path.glob("vault.db*")))
    data = b"".join(file.read_bytes() for file in files)
    for text in (SECRET, "idp.example", "staff", "Ada Moreau", '"ada"', "the vault: 1"):
        assert text.encode() not in data, text
