"""What somebody hears while a role is taken away: it ends where the roles that are left do not allow it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.listening import begun, goes_on, recording_of
from tests.support.parties import ME
from tests.support.provider_settings import provider_settings
from tests.support.service_house import House
from vault.domain.accounts.console_session import OPENED_AT_ONCE
from vault.domain.sign_in.connection import OPERATORS, PersonRow, RoleMapping
from vault.services.playback.link_request import LinkRequest
from vault.services.sign_in.sign_in_connections import ConnectionChange

STAFF = RoleMapping(value="staff", role="listener")
OF_KIM = replace(STAFF, agents=("Kim",))
OF_LEE = replace(STAFF, value="others", agents=("Lee",))
BOSS = RoleMapping(value="boss", role="privacy")


async def connect(house: House, *roles: RoleMapping, account: str | None = None) -> tuple[str, ...]:
    """Set the connection; return the ids of its mappings."""
    settings = provider_settings(*roles)
    change = ConnectionChange(settings=settings, keep_secret=False)
    made = await house.vault.sign_in.connections.set(account or house.account.id, "main", change, **ME)
    return tuple(one.id for one in made.settings.roles)


async def hears(
    house: House, recording: str, *roles: str, name: str = "ada", account: str | None = None
) -> AsyncIterator[bytes]:
    """Let a person with these mappings listen at the console; return the stream after its first block."""
    now = datetime.now(UTC)
    person = PersonRow(
        id=f"per_{name}", account_id=account or house.account.id, connection_id=None, sealed_profile=None,
        role_ids=roles, first_at=now, last_at=now, removed_at=None,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(person))
    wish = LinkRequest(listener=name, kind="player", life=OPENED_AT_ONCE, sessions=1)
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor=person.id)
    return await begun(house, token)


async def delete(house: House) -> None:
    """Delete the connection."""
    await house.vault.sign_in.connections.delete(house.account.id, "main", **ME)


@pytest.mark.parametrize(
    ("before", "change", "stays"),
    [
        ([STAFF], connect, False),
        ([STAFF], delete, False),
        # The same value gives other recordings: it is another mapping, which counts from the next sign-in.
        ([OF_KIM], lambda house: connect(house, replace(OF_KIM, agents=("Lee",))), False),
        ([STAFF], lambda house: connect(house, OF_KIM), False),
        # What is left allows it.
        ([STAFF, BOSS], lambda house: connect(house, STAFF), True),
        ([OF_KIM, OF_LEE], lambda house: connect(house, OF_KIM), True),
        ([OF_KIM, OF_LEE], lambda house: connect(house, OF_LEE), False),
        ([OF_KIM, BOSS], lambda house: connect(house, BOSS), True),
    ],
    ids=[
        "taken",
        "deleted",
        "other agents",
        "limited",
        "one of two",
        "other agent taken",
        "agent taken",
        "wider",
    ],
)
async def test_audio_ends_with_the_role_that_allowed_it(
    either: House,
    before: list[RoleMapping],
    change: Callable[[House], Awaitable[object]],
    stays: bool,
):
    """With its next window, on both databases; a link that the person made for somebody else stays."""
    recording = await recording_of(either, "Kim")
    stream = await hears(either, recording, *await connect(either, *before))
    lasting = LinkRequest(listener="Bob", kind="player", life=timedelta(hours=1), sessions=1)
    kept, _ = await either.vault.playback.links.create(either.account.id, recording, lasting, actor="per_ada")
    await change(either)
    assert await goes_on(stream) is stays
    links = {
        one.id: one.revoked_at
        for one, _ in await either.vault.playback.links.list(either.account.id, recording)
    }
    assert links.pop(kept.id) is None
    assert [at is None for at in links.values()] == [stays]
    while await either.vault.jobs.log_publisher.sequence():
        pass
    assert ("link.revoked" in await either.events(recording)) is not stays


async def test_only_those_who_lost_a_role_are_interrupted(either: House):
    """Another person, whose value is not taken, hears on; an operator too, until the operators' value is taken."""
    recording = await recording_of(either, "Kim")
    staff, boss = await connect(either, STAFF, BOSS)
    (operator,) = await connect(either, RoleMapping(value="ops", role="operator"), account=OPERATORS)
    ada = await hears(either, recording, staff)
    bob = await hears(either, recording, boss, name="bob")
    eve = await hears(either, recording, operator, name="eve", account=OPERATORS)
    joe = await hears(either, recording, operator, name="joe", account=OPERATORS)
    await connect(either, BOSS)
    assert [await goes_on(one) for one in (ada, bob, eve)] == [False, True, True]
    await connect(either, account=OPERATORS)
    assert not await goes_on(joe)
