"""Who may sign in, and with what, after a restore: nobody gets back what was taken away."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from tests.services.backup.test_restore_named import behind
from tests.services.closing_acts.test_journal import kept_up
from tests.support.provider_settings import provider_settings
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.database.schema.sign_in import sign_in_roles
from vault.domain.accounts.roles import grants_of
from vault.domain.sign_in.connection import (
    OPERATORS,
    PersonRow,
    RoleMapping,
    SignInConnection,
)
from vault.errors import NotAuthentic
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.thread_pools import Threads

ME = {"actor": "key_test"}
WIDE = RoleMapping(value="staff", role="admin")
TIGHT = RoleMapping(value="staff", role="listener", agents=("Kim",))

SETTINGS = provider_settings()


async def connect(
    house: House, name: str, *roles: RoleMapping, account: str | None = None
) -> tuple[str, ...]:
    """Set a connection; return the ids of its mappings."""
    settings = replace(SETTINGS, roles=roles)
    change = ConnectionChange(settings=settings, keep_secret=False)
    made = await house.vault.sign_in.connections.set(account or house.account.id, name, change, **ME)
    return tuple(one.id for one in made.settings.roles)


async def member(house: House, name: str, *role_ids: str, identity: str | None = None) -> None:
    """Let somebody have signed in."""
    now = datetime.now(UTC)
    person = PersonRow(
        id=f"per_{name}", account_id=house.account.id, connection_id=None, sealed_profile=None, role_ids=role_ids,
        first_at=now, last_at=now, removed_at=None, identity=identity,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(person))


async def given(house: House) -> list[tuple[str, int]]:
    """Return each role that the account gives, with the number of agents that limit it."""
    query = select(sign_in_roles).where(sign_in_roles.c.account_id == house.account.id)
    rows = await house.database.read(lambda tx: tx.connection.execute(query).all())
    return sorted((row.role, len(row.agents or ())) for row in rows)


async def test_an_old_database_gives_nothing_back(house: House, tmp_path: Path, threads: Threads):
    """A tightened mapping, a deleted connection, a removed member and an ended session, after their objects went."""
    wide = await connect(house, "main", WIDE)
    await connect(house, "gone", WIDE)
    await connect(house, "ops", replace(WIDE, role="operator"), account=OPERATORS)
    for name in ("left", "back"):
        await member(house, name, *wide)
    _, key = await house.vault.accounts.api_keys.issue(
        name="k", scopes=["*"], account_id=house.account.id, **ME
    )
    session = await house.vault.accounts.console_sessions.sign_in(key.text, address=None, agent="")

    async def tighten(house: House) -> None:
        await connect(house, "main", TIGHT)
        await house.vault.sign_in.connections.delete(house.account.id, "gone", **ME)
        await connect(house, "ops", account=OPERATORS)
        for name in ("left", "back"):
            await house.vault.sign_in.members.remove(house.account.id, f"per_{name}", **ME)
        await house.vault.sign_in.members.readmit(house.account.id, "per_back", **ME)
        await house.vault.accounts.console_sessions.end(session.session.id, account_id=house.account.id, **ME)
        await write_all(house)
        await kept_up(house)
        assert not [key for key in house.objects.objects if key.startswith("closing/")]

    async with behind(house, tighten, tmp_path / "old", threads) as old:
        assert await given(old) == [("admin", 0), ("admin", 0)]
        report = await old.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert await given(old) == [("listener", 1)]
        assert await old.database.read(lambda tx: tx.sign_in.roles(OPERATORS)) == {}
        (main,) = await old.vault.sign_in.connections.list(old.account.id)
        assert [replace(one, id="") for one in main.settings.roles] == [TIGHT]
        people = {
            one.row.id: one.row
            for one in await old.vault.sign_in.members.page(old.account.id, before=None, limit=9)
        }
        assert people["per_left"].removed_at is not None
        assert people["per_back"].removed_at is None
        roles = await old.database.read(lambda tx: tx.sign_in.roles(old.account.id))
        assert not grants_of([roles[one] for one in people["per_back"].role_ids if one in roles]).scopes
        try:
            await old.vault.accounts.console_sessions.find(session.secret.text, old.account.ref)
        except NotAuthentic:
            return
        raise AssertionError("The session goes on.")


async def test_the_object_store_alone_brings_connections_back(house: House, tmp_path: Path, threads: Threads):
    """With the client's secret, the roles and their limits; who signed in has to sign in again."""
    await connect(house, "main", TIGHT, RoleMapping(value="boss", role="auditor"))
    await connect(house, "gone", WIDE)
    await house.vault.sign_in.connections.delete(house.account.id, "gone", **ME)
    before = await house.vault.sign_in.connections.list(house.account.id)
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert await new.vault.sign_in.connections.list(house.account.id) == before
        assert await given(new) == [("auditor", 0), ("listener", 1)]
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_a_removed_operator_stays_removed(house: House, tmp_path: Path, threads: Threads):
    """From the object store alone, without the operators' connection; made again under its id, its people are known."""
    connection = await operators_connection(house)
    left = await person_of(house, connection, "left")
    await house.vault.sign_in.members.remove(OPERATORS, left, **ME)
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert await new.vault.sign_in.connections.list(OPERATORS) == []
        again = await operators_connection(new, id_=connection.id)
        assert again.id == connection.id
        assert await new.vault.sign_in.members.opened.person_id(again, "left") == left
        (member,) = await new.vault.sign_in.members.page(OPERATORS, before=None, limit=9)
        assert (member.row.id, member.row.removed_at is None) == (left, False)


async def test_a_removal_outlives_its_connection(house: House, tmp_path: Path, threads: Threads):
    """From the object store alone: the human is removed, whatever connection to the provider is made afterwards."""
    keys, account = house.vault.sign_in.members.identify_people.data_keys, house.account.id
    identity = await keys.identity(account, SETTINGS.issuer, "left")
    await connect(house, "main", WIDE)
    await member(house, "left", identity=identity)
    await house.vault.sign_in.members.remove(account, "per_left", **ME)
    await house.vault.sign_in.connections.delete(account, "main", **ME)
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        (row,) = await new.database.read(lambda tx: tx.people.same(account, identity))
        assert (row.id, row.removed_at is None) == ("per_left", False)
        new_keys = new.vault.sign_in.members.identify_people.data_keys
        assert await new_keys.identity(account, SETTINGS.issuer, "left") == identity


async def operators_connection(house: House, *, id_: str | None = None) -> SignInConnection:
    """Set the operators' connection."""
    settings = replace(SETTINGS, roles=(replace(WIDE, role="operator"),))
    change = ConnectionChange(settings=settings, keep_secret=False, id=id_)
    return await house.vault.sign_in.connections.set(OPERATORS, "operators", change, **ME)


async def person_of(house: House, connection: SignInConnection, subject: str) -> str:
    """Let somebody have signed in by a connection; return the id of the person."""
    person_id = await house.vault.sign_in.members.opened.person_id(connection, subject)
    now = datetime.now(UTC)
    person = PersonRow(
        id=person_id, account_id=connection.account_id, connection_id=connection.id, sealed_profile=None, role_ids=(),
        first_at=now, last_at=now, removed_at=None,
    )  # fmt: skip
    await house.database.write(lambda tx: tx.people.put(person))
    return person_id
