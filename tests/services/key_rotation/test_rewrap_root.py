"""From one root key to the next: everything follows, no third key comes in between, and the old one can go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.objects import FakeObjects
from tests.fakes.root_key import FakeRootKey
from tests.support.service_house import SIGNER
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.wrapped_keys import WrappedKeyRows
from vault.domain.stored.vault_facts import LOCATION, decode_vault
from vault.errors import Refused, StartRefused, Tampered
from vault.keyservice.key_ring import AccountKeyRing
from vault.keyservice.root_keys import TwoRootKeys
from vault.ports.keys import RootKey
from vault.services.accounts.accounts import Accounts
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.node.startup_checks import OpenLogKey, ProveRootKey, may_make_root_key
from vault.services.shared.move_objects import MoveObjects
from vault.tlog.key_statement import open_statement

URL = "https://vault.example"


class Died(Exception):
    """The process is no more."""


@dataclass
class Site:
    """A database and an object store, at which vaults are started with one root key or another."""

    database: SqliteDatabase
    objects: FakeObjects

    async def start(self, current: RootKey, previous: RootKey | None = None) -> tuple[str, bytes]:
        """Start, and return the vault's id and the secret of its log key."""
        vault_id = await ProveRootKey(database=self.database, root_key=current, previous=previous)()
        both = current if previous is None else TwoRootKeys(current, previous)
        log_key = OpenLogKey(database=self.database, root_key=both, public_url=URL)
        return vault_id, (await log_key(vault_id)).secret

    def ring(self, root_key: RootKey) -> AccountKeyRing:
        """Return a new key ring."""
        return AccountKeyRing(root_key, WrappedKeyRows(self.database))

    async def account(self, root_key: RootKey, name: str) -> str:
        """Open an account and return its id."""
        accounts = Accounts(
            database=self.database,
            ring=self.ring(root_key),
            clock=lambda: datetime(2026, 11, 2, tzinfo=UTC),
            region=None,
        )
        return (await accounts.open(name, name=None, locale=None, actor="key_test"))[0].id

    async def leave(self, current: RootKey, previous: RootKey | None, database: Any = None) -> bytes:
        """Call the verb."""
        verb = RewrapRootKey(
            database=database or self.database,
            objects=self.objects,
            signer=SIGNER,
            move_objects=MoveObjects(database=self.database, objects=self.objects, signer=SIGNER),
            current_root_key=current,
            previous_root_key=previous,
        )
        return await verb(actor="operator")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """An empty database and an empty object store."""
    made = Site(SqliteDatabase(tmp_path / "vault.db"), FakeObjects())
    yield made
    made.database.close()


class Writing:
    """A database that something happens to before its n-th write."""

    def __init__(self, database: Any, at: int, happens: Any) -> None:
        """Wrap a database."""
        self.database, self.left, self.happens = database, at, happens

    async def read(self, function: Any) -> Any:
        """Read."""
        return await self.database.read(function)

    async def write(self, function: Any) -> Any:
        """Let it happen, and write."""
        self.left -= 1
        if not self.left:
            await self.happens()
        return await self.database.write(function)

    async def scrub(self, *, moved: bool) -> bool:
        """Scrub."""
        return bool(await self.database.scrub(moved=moved))


async def test_everything_follows_to_the_new_root_key(site: Site):
    """Every version of every account's key and the log's open with the new one alone; the old one starts nothing."""
    old, new = FakeRootKey(), FakeRootKey()
    vault_id, log_secret = await site.start(old)
    accounts = [await site.account(old, f"account-{n}") for n in range(10)]
    unused: Any = None
    ring = site.ring(old)
    rotations = KeyRotations(
        database=site.database, ring=ring, signer=SIGNER, anchor=unused,
    )  # fmt: skip
    await rotations.begin(accounts[0], actor="key_test")
    known = [(await site.ring(old).version(one, 1)).key for one in accounts]
    assert await site.start(new, old) == (vault_id, log_secret)
    statement = open_statement(await site.leave(new, old), [SIGNER.verifier])
    assert (statement.owner, statement.version, statement.recordings) == (vault_id, 1, 0)
    assert await site.start(new) == (vault_id, log_secret)
    assert [(await site.ring(new).version(one, 1)).key for one in accounts] == known
    assert (await site.ring(new).current(accounts[0])).version == 2
    for wrapped in (await site.database.read(lambda tx: tx.rotations.wrapped_keys())).values():
        assert wrapped not in old.wrapped
    stored = decode_vault(bytes(site.objects.objects[LOCATION].body))
    assert stored.root_key_proof in new.wrapped
    assert stored.log_key in new.wrapped
    assert set(await site.database.read(lambda tx: tx.account_objects.due(99))) == set(accounts)
    with pytest.raises(StartRefused, match="not the one that this vault was made with"):
        await site.start(old)


async def test_a_crash_at_any_write_costs_nothing(site: Site):
    """The process dies before each write in turn; it starts again on both keys, and comes to the end."""
    old, new = FakeRootKey(), FakeRootKey()
    kept = await site.start(old)
    for number in range(6):
        await site.account(old, f"account-{number}")

    async def die() -> None:
        raise Died

    for at in range(1, 10):
        assert await site.start(new, old) == kept
        try:
            await site.leave(new, old, Writing(site.database, at, die))
        except Died:
            continue
        break
    assert at > 2
    assert await site.start(new) == kept


async def test_what_comes_before_the_end_is_looked_at(site: Site):
    """A node that still wraps with the old root key adds an account just before the end: it follows, too."""
    old, new = FakeRootKey(), FakeRootKey()
    await site.start(old)
    await site.account(old, "first")
    await site.start(new, old)

    async def late() -> None:
        await site.account(old, "late")

    # Writes before the end: one account key, and the log's.
    await site.leave(new, old, Writing(site.database, 3, late))
    late_id = (await site.database.read(lambda tx: tx.accounts.find("late"))).id
    assert (await site.ring(new).current(late_id)).version == 1


async def test_no_third_key_comes_in_between(site: Site):
    """On the way from one root key to the next the vault starts on these two alone, either way round."""
    old, new, third = FakeRootKey(), FakeRootKey(), FakeRootKey()
    kept = await site.start(old)
    for current, previous in ((third, None), (third, new)):
        with pytest.raises(StartRefused, match="not the one that this vault was made with"):
            await site.start(current, previous)
    await site.start(new, old)
    with pytest.raises(StartRefused, match="being rotated to another root key"):
        await site.start(third, old)
    assert await site.start(old, new) == kept
    with pytest.raises(Tampered):
        await site.leave(new, third)
    await site.leave(new, old)


async def test_without_a_move_nothing_is_left(site: Site):
    """With one root key, or once the move is done, there is nothing to do, and it says how to begin."""
    old, new = FakeRootKey(), FakeRootKey()
    await site.start(old)
    for previous in (None, old):
        with pytest.raises(Refused, match="VAULT_PREVIOUS_ROOT_KEY_URL"):
            await site.leave(old, previous)
    await site.start(new, old)
    await site.leave(new, old)
    with pytest.raises(Refused, match="VAULT_PREVIOUS_ROOT_KEY_URL"):
        await site.leave(new, old)


async def test_a_root_key_is_made_where_none_can_be_lost(site: Site):
    """For a new vault, and for one about to leave its own; never once something may be wrapped by the missing one."""
    old, new = FakeRootKey(), FakeRootKey()
    assert await may_make_root_key(site.database, None)
    await site.start(old)
    assert not await may_make_root_key(site.database, None)
    assert not await may_make_root_key(site.database, new)
    assert await may_make_root_key(site.database, old)
    await site.start(new, old)
    assert not await may_make_root_key(site.database, old)
    await site.leave(new, old)
    assert not await may_make_root_key(site.database, old)
