"""What a key that signs links may sign, after a restore over an older database."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.service_house import House
from vault.database.account_parts.link_keys import LINK_KEYS
from vault.database.account_parts.part import Target
from vault.database.transaction import Transaction
from vault.domain.playback.link_key import LinkKey


async def stored(house: House, minter: Minter) -> LinkKey:
    """Return the key that the database has."""
    key = await house.database.read(lambda tx: tx.link_keys.by_id(minter.key_id))
    assert key is not None
    return key


def target(tx: Transaction, house: House) -> Target:
    """Return the rows of the account."""
    return Target(db=tx.connection, account_id=house.account.id, keys={}, prompts={})


@pytest.mark.parametrize("bring_in", [LINK_KEYS.replace, LINK_KEYS.add_lost], ids=["own", "lost"])
async def test_what_a_key_was_narrowed_to_counts(either: House, bring_in: Any):
    """The account's object may be of later than the database, or of a lost history, which nobody widens."""
    minter = await registered(either, Minter(), "app")
    wide = await stored(either, minter)
    narrow = replace(
        wide, max_life=60, max_sessions=1, kinds=("player",), networks=("10.0.0.0/8",), download=False
    )
    assert narrow != wide
    await either.database.write(lambda tx: bring_in((narrow,), target(tx, either)))
    assert await stored(either, minter) == narrow
    await either.database.write(lambda tx: LINK_KEYS.add_lost((wide,), target(tx, either)))
    assert await stored(either, minter) == narrow


async def test_a_key_that_was_deleted_stays_so(either: House):
    """Whatever the object says of it."""
    minter = await registered(either, Minter(), "app")
    before = await stored(either, minter)
    await either.vault.playback.link_keys.delete(either.account.id, "app", actor="key_test")
    await either.database.write(lambda tx: LINK_KEYS.replace((before,), target(tx, either)))
    assert (await stored(either, minter)).deleted_at is not None
