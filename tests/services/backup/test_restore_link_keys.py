"""What a key that signs links may sign, after a restore over an older database."""

from dataclasses import replace

import pytest

from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.service_house import House
from vault.database.stores.link_key_rows import add_stored
from vault.domain.playback.link_key import LinkKey


async def stored(house: House, minter: Minter) -> LinkKey:
    """Return the key that the database has."""
    key = await house.database.read(lambda tx: tx.link_keys.by_id(minter.key_id))
    assert key is not None
    return key


@pytest.mark.parametrize("is_newer", [True, False], ids=["own history", "lost history"])
async def test_the_newer_state_of_a_key_counts(either: House, is_newer: bool):
    """The account's object may be of later than the database; one of a lost history adds only what is missing."""
    minter = await registered(either, Minter(), "app")
    wide = await stored(either, minter)
    narrow = replace(
        wide, max_life=60, max_sessions=1, kinds=("player",), networks=("10.0.0.0/8",), download=False
    )
    assert narrow != wide
    await either.database.write(lambda tx: add_stored(tx.connection, [narrow], [], replaces=is_newer))
    assert await stored(either, minter) == (narrow if is_newer else wide)


async def test_a_key_that_was_deleted_stays_so(either: House):
    """Whatever the object says of it."""
    minter = await registered(either, Minter(), "app")
    before = await stored(either, minter)
    await either.vault.link_keys.delete(either.account.id, "app", actor="key_test")
    await either.database.write(lambda tx: add_stored(tx.connection, [before], [], replaces=True))
    assert (await stored(either, minter)).deleted_at is not None
