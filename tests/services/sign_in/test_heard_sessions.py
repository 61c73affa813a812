"""What is heard in console sessions: it ends with the session or its API key, and begins only while they allow it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.listening import begun, goes_on, recording_of
from tests.support.parties import ME, Interrupted
from tests.support.provider_settings import provider_settings
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.core import links, sessions
from vault.domain.accounts.console_session import MAX_LENGTH, OPENED_AT_ONCE, ConsoleSession
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.connection import OPERATORS, PersonRow, RoleMapping
from vault.errors import NotAuthentic, NotFound
from vault.services.accounts.console_sessions import SignedIn
from vault.services.playback.link_request import LinkRequest
from vault.services.sign_in.sign_in_connections import ConnectionChange

STAFF = RoleMapping(value="staff", role="listener")
OF_KIM = replace(STAFF, agents=("Kim",))
WISH = LinkRequest(listener="Ada", kind="player", life=OPENED_AT_ONCE, sessions=1)


async def key_sessions(house: House, *scopes: str, every_account: bool = False) -> tuple[SignedIn, SignedIn]:
    """Return two console sessions of one new API key."""
    account = None if every_account else house.account.id
    _, key = await house.vault.accounts.api_keys.issue(name="k", scopes=scopes, account_id=account, **ME)
    sign_in = house.vault.accounts.console_sessions.sign_in
    return tuple([await sign_in(key.text, address=None, agent="") for _ in range(2)])  # type: ignore[return-value]


async def link_of(house: House, recording: str, session: ConsoleSession | None, actor: str) -> Token:
    """Return the token of a link that is made in a console session, or without one at REST."""
    wish = replace(WISH, console_session_id=None if session is None else session.id)
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor=actor)
    return token


async def revoke_key(house: House, session: ConsoleSession) -> None:
    """Revoke the key of a session."""
    await house.vault.accounts.api_keys.revoke(session.key_id or "", account_id=None, **ME)


async def end(house: House, session: ConsoleSession) -> None:
    """End a session."""
    await house.vault.accounts.console_sessions.end(session.id, account_id=None, **ME)


@pytest.mark.parametrize("every_account", [False, True])
@pytest.mark.parametrize(("act", "others_stay"), [(revoke_key, False), (end, True)], ids=["key", "session"])
async def test_audio_ends_with_the_key_or_the_session(
    either: House,
    act: Callable[[House, ConsoleSession], Awaitable[None]],
    *,
    others_stay: bool,
    every_account: bool,
):
    """With its next window. What the key gave to others at REST stays, and so does what another key's session hears."""
    recording = await recording_of(either, "Kim")
    mine, other = await key_sessions(either, "*", every_account=every_account)
    foreign, _ = await key_sessions(either, "*")
    heard = [
        await begun(either, await link_of(either, recording, one.session, one.session.actor))
        for one in (mine, other, foreign)
    ]
    at_rest = await begun(either, await link_of(either, recording, None, mine.session.actor))
    unopened = await link_of(either, recording, mine.session, mine.session.actor)
    await act(either, mine.session)
    assert [await goes_on(one) for one in (*heard, at_rest)] == [False, others_stay, True, True]
    with pytest.raises(NotFound):
        await begun(either, unopened)
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert (await either.events(recording)).count("link.revoked") == (2 if others_stay else 3)


async def test_what_is_over_is_not_revoked(either: House):
    """A link whose life and sessions are over needs no event, and no object in the store before the answer."""
    recording = await recording_of(either, "Kim")
    mine, _ = await key_sessions(either, "*")
    stream = await begun(either, await link_of(either, recording, mine.session, mine.session.actor))
    assert await goes_on(stream)
    for query in (update(links).values(expires_at=LONG_AGO), update(sessions).values(ends_at=LONG_AGO)):
        await either.database.write(lambda tx, query=query: tx.connection.execute(query) and None)
    await revoke_key(either, mine.session)
    found = await either.vault.playback.links.list(either.account.id, recording)
    assert [link.revoked_at for link, _ in found] == [None]


async def test_a_download_ends_with_its_key(either: House):
    """With its next window, as what is heard does; another key's download goes on."""
    recording, streams = await recording_of(either, "Kim"), []
    (mine, _), (other, _) = await key_sessions(either, "*"), await key_sessions(either, "*")
    for one in (mine, other):
        sound = await either.vault.playback.audio.for_download(
            either.account.id, recording, actor=one.session.actor
        )
        streams.append(await either.vault.playback.audio.stream(sound, 0, sound.size))
        assert await anext(aiter(streams[-1]))
    await revoke_key(either, mine.session)
    assert [await goes_on(one) for one in streams] == [False, True]


async def person_session(house: House, account: str, *roles: RoleMapping) -> ConsoleSession:
    """Return the session of a person who has these roles."""
    change = ConnectionChange(settings=provider_settings(*roles), keep_secret=False)
    made = await house.vault.sign_in.connections.set(account, "main", change, **ME)
    now = datetime.now(UTC)
    person = PersonRow(
        id="per_ada", account_id=account, connection_id=None, sealed_profile=None,
        role_ids=tuple(one.id for one in made.settings.roles), first_at=now, last_at=now, removed_at=None,
    )  # fmt: skip
    session = ConsoleSession(
        id=new_id("cons"), account_id=None if account == OPERATORS else account, key_id=None,
        person_id=person.id, sid=None, scopes=frozenset(), created_at=now, last_used_at=now,
        ends_at=now + MAX_LENGTH, ended_at=None,
    )  # fmt: skip

    def insert(tx: Any) -> None:
        tx.people.put(person)
        tx.console_sessions.insert(session, Token.new().digest)
        tx.person_sessions.apply_roles(account)

    await house.database.write(insert)
    return session


async def take_roles(house: House, session: ConsoleSession) -> None:
    """Take every role away."""
    change = ConnectionChange(settings=provider_settings(), keep_secret=False)
    await house.vault.sign_in.connections.set(session.account_id or OPERATORS, "main", change, **ME)


async def limit_to_lee(house: House, session: ConsoleSession) -> None:
    """Leave the role, for the recordings of another agent."""
    settings = provider_settings(replace(OF_KIM, agents=("Lee",)))
    change = ConnectionChange(settings=settings, keep_secret=False)
    await house.vault.sign_in.connections.set(session.account_id or OPERATORS, "main", change, **ME)


async def delete_connection(house: House, session: ConsoleSession) -> None:
    """Delete the connection that gave the roles."""
    await house.vault.sign_in.connections.delete(session.account_id or OPERATORS, "main", **ME)


async def remove(house: House, session: ConsoleSession) -> None:
    """Remove the person."""
    await house.vault.sign_in.members.remove(session.account_id or OPERATORS, session.person_id or "", **ME)


async def meanwhile(
    house: House, recording: str, session: ConsoleSession, act: Callable[[], Awaitable[Any]]
) -> None:
    """Make a link for listening in a session, and act after its request was checked, before anything is written."""
    verb = replace(house.vault.playback.links, database=Interrupted(house.vault.playback.links.database, act))  # type: ignore[arg-type]
    wish = replace(WISH, console_session_id=session.id)
    await verb.create(house.account.id, recording, wish, actor=session.actor)


@pytest.mark.parametrize(
    ("account", "role", "act", "error"),
    [
        ("own", STAFF, take_roles, NotFound),
        ("own", OF_KIM, limit_to_lee, NotFound),
        ("own", STAFF, delete_connection, NotFound),
        ("own", STAFF, remove, NotAuthentic),
        ("own", STAFF, end, NotAuthentic),
        (OPERATORS, RoleMapping(value="ops", role="operator"), take_roles, NotFound),
    ],
)
async def test_no_link_is_made_after_a_role_is_gone(
    either: House,
    account: str,
    role: RoleMapping,
    act: Callable[[House, ConsoleSession], Awaitable[None]],
    error: type[Exception],
):
    """The loss comes between the check of the request and the insert of its link, which would play on unseen."""
    recording = await recording_of(either, "Kim")
    session = await person_session(either, either.account.id if account == "own" else account, role)
    await meanwhile(either, recording, session, _nothing)
    with pytest.raises(error):
        await meanwhile(either, recording, session, lambda: act(either, session))
    assert len(await either.vault.playback.links.list(either.account.id, recording)) == 1


@pytest.mark.parametrize("act", [revoke_key, end])
async def test_no_link_is_made_after_a_key_is_gone(
    either: House, act: Callable[[House, ConsoleSession], Awaitable[None]]
):
    """The same for the session of an API key."""
    recording = await recording_of(either, "Kim")
    mine, _ = await key_sessions(either, "links:write")
    await meanwhile(either, recording, mine.session, _nothing)
    with pytest.raises(NotAuthentic):
        await meanwhile(either, recording, mine.session, lambda: act(either, mine.session))
    assert len(await either.vault.playback.links.list(either.account.id, recording)) == 1


async def _nothing() -> None:
    """Change nothing."""
