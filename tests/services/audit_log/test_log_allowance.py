"""Events that need no permission do not fill the log: each is tried by its doors, more often than it may be logged."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, select, update

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, ISSUER, SECRET
from tests.support.listening import recording_of
from tests.support.permissions import link_wish
from tests.support.service_house import House, another_node
from vault import metrics
from vault.database.schema.access_log import log_allowances
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.log_allowance import (
    DENIAL_BURST,
    INTERVAL,
    NEEDS_NO_PERMISSION,
)
from vault.domain.sign_in.connection import ProviderSettings, RoleMapping
from vault.errors import NotAuthentic, NotFound
from vault.services.playback.session_allowance import MAX_DENIALS
from vault.services.sign_in.ask_provider import ProviderAnswer
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.thread_pools import Threads

TRIES: Final = 300
SIGN_IN: Final = ProviderSettings(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=SECRET,
    scopes=("openid",),
    claim=("groups",),
    roles=(RoleMapping(value="staff", role="listener"),),
)
#: The allowance is one event larger each minute, also while a test runs.
SOME_MINUTES: Final = 30
#: Tries once, with a number of its own.
Attempt = Callable[[House, int], Awaitable[None]]


def _address(number: int) -> str:
    return f"2a00:1:2:{number:x}::1"


async def _dead_link(house: House) -> Attempt:
    recording = await recording_of(house, "Kim")
    wish = link_wish(sessions=1, networks=["192.0.2.0/24"])
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor="key_test")

    async def attempt(node: House, number: int) -> None:
        with pytest.raises(NotFound):
            await node.vault.playback.open_links.open(
                token.text, nonce=secrets.token_hex(8), address=_address(number), agent=""
            )

    return attempt


async def _session_elsewhere(house: House) -> Attempt:
    """Of a session that moved to another network: each process logs some, and begins again after its restart."""
    recording = await recording_of(house, "Kim")
    wish = link_wish(sessions=1, networks=["192.0.2.0/24"])
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor="key_test")
    opened = await house.vault.playback.open_links.open(token.text, nonce="n", address="192.0.2.1", agent="")

    async def attempt(node: House, number: int) -> None:
        with pytest.raises(NotFound):
            await node.vault.playback.open_links.find(
                opened.session.id, opened.secret.text, address=_address(number), agent=""
            )

    return attempt


async def _key(house: House, *, secret: str | None) -> Attempt:
    key, text = await house.vault.accounts.api_keys.issue(
        name="gone", scopes=["audit:read"], account_id=house.account.id, actor="operator"
    )
    if secret is None:
        await house.vault.accounts.api_keys.revoke(key.id, account_id=house.account.id, actor="operator")
    typed = text.text if secret is None else f"cv_{key.id.removeprefix('key_')}_{secret}"

    async def attempt(node: House, number: int) -> None:
        with pytest.raises(NotAuthentic):
            await node.vault.accounts.console_sessions.sign_in(typed, address=_address(number), agent="")

    return attempt


async def _revoked_key(house: House) -> Attempt:
    return await _key(house, secret=None)


async def _wrong_secret(house: House) -> Attempt:
    return await _key(house, secret="nonsense")


async def _at_the_provider(house: House, **said: str) -> Attempt:
    """Of who knows the address of a sign-in, and has no account at its provider."""
    change = ConnectionChange(settings=SIGN_IN, keep_secret=False)
    connection = await house.vault.sign_in.connections.set(house.account.id, "main", change, actor="operator")

    async def attempt(node: House, number: int) -> None:
        begun = await node.vault.sign_in.sign_in.begin(connection.id, return_path=None)
        answer = ProviderAnswer(**{"state": begun.attempt.state.text, "code": None, "issuer": ISSUER, **said})
        with pytest.raises(NotAuthentic):
            await node.vault.sign_in.sign_in.finish(
                connection.id,
                answer,
                secret=begun.attempt.secret.text,
                address=_address(number),
                agent="",
            )

    return attempt


async def _nonsense_code(house: House) -> Attempt:
    return await _at_the_provider(house, code="nonsense")


async def _provider_error(house: House) -> Attempt:
    return await _at_the_provider(house, error="access_denied")


async def _other_issuer(house: House) -> Attempt:
    return await _at_the_provider(house, code="x", issuer="https://evil.example")


#: Each event that needs no permission, by every door that writes it.
DOORS: Final[Mapping[tuple[EventType, str], Callable[[House], Awaitable[Attempt]]]] = {
    ("playback.denied", "a dead link"): _dead_link,
    ("playback.denied", "a session from another network"): _session_elsewhere,
    ("console.refused", "a revoked key"): _revoked_key,
    ("console.refused", "a key with a wrong secret"): _wrong_secret,
    ("console.refused", "a nonsense code"): _nonsense_code,
    ("console.refused", "an error of the provider"): _provider_error,
    ("console.refused", "another issuer"): _other_issuer,
}


def not_logged() -> float:
    """Return how many refusals were not logged."""
    return float(metrics.DENIALS_NOT_LOGGED._value.get())


async def logged(house: House, kind: str) -> int:
    """Return how many events of a kind the account's log has."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    return (await house.events()).count(kind)


def test_every_event_that_needs_no_permission_is_tried():
    """By every door that writes it, so that a next one is not forgotten."""
    assert {kind for kind, _ in DOORS} == NEEDS_NO_PERMISSION


@pytest.mark.parametrize(("kind", "door"), DOORS)
async def test_the_log_takes_an_allowance(
    either: House, tmp_path: Path, threads: Threads, kind: EventType, door: str
):
    """All are refused, by however many nodes, from however many addresses; those beyond are counted."""
    around = {"rest": IdentityProvider()}
    attempt = await DOORS[kind, door](another_node(either, tmp_path, threads, **around))
    before, at_first = not_logged(), await logged(either, kind)
    for start in range(0, TRIES, MAX_DENIALS):
        # Each a process that has just begun.
        node = another_node(either, tmp_path, threads, **around)
        await asyncio.gather(*(attempt(node, number) for number in range(start, start + MAX_DENIALS)))
    written = await logged(either, kind) - at_first
    assert DENIAL_BURST <= written <= DENIAL_BURST + SOME_MINUTES
    assert not_logged() - before == TRIES - written


async def test_each_actor_has_its_own_and_it_comes_back(either: House, tmp_path: Path, threads: Threads):
    """One that is used up takes nothing from another; after an hour it has sixty more, and the row goes when whole."""
    node = another_node(either, tmp_path, threads, rest=IdentityProvider())
    first, second = await _revoked_key(node), await _wrong_secret(node)
    for number in range(DENIAL_BURST + 10):
        await first(node, number)
    used_up = await logged(either, "console.refused")
    await second(node, 0)
    assert await logged(either, "console.refused") == used_up + 1

    await either.database.write(lambda tx: _let_pass(tx.connection, timedelta(hours=1)))
    for number in range(80):
        await first(node, number)
    assert 60 <= await logged(either, "console.refused") - used_up - 1 <= 60 + SOME_MINUTES

    await either.sweep()
    assert len(await either.database.read(lambda tx: _actors(tx.connection))) == 1
    await either.database.write(lambda tx: _let_pass(tx.connection, DENIAL_BURST * INTERVAL))
    await either.sweep()
    assert await either.database.read(lambda tx: _actors(tx.connection)) == []


def _let_pass(connection: Connection, time: timedelta) -> None:
    for actor, used in connection.execute(select(log_allowances.c.actor, log_allowances.c.used_until)).all():
        mine = update(log_allowances).where(log_allowances.c.actor == actor)
        connection.execute(mine.values(used_until=used - time))


def _actors(connection: Connection) -> list[str]:
    return list(connection.execute(select(log_allowances.c.actor)).scalars())
