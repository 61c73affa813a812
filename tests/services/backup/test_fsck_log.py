"""Comparing accounts and the log with the object store: each kind of damage is named, and the advice works."""

from dataclasses import replace

import pytest

from tests.services.backup.test_fsck import checked, damage
from tests.services.backup.test_restore import off
from tests.support.restoring import available, write_all
from tests.support.service_house import House
from vault.domain.progress import MARK, NEW_MARK
from vault.web.routes.node import _of_the_store

LOG = {
    "changed tile": "does not match the tree",
    "missing tile": "is missing",
    "missing entries": "is missing",
    "old checkpoint": "entries, and",
    "missing copy": "is missing",
}
ACCOUNT = {
    "missing object": "its object is missing",
    "changed object": "cannot be used",
    "old object": "is of revision",
}


def widest(house: House, prefix: str) -> str:
    """Return the newest of the files below a prefix that are not full."""
    return max(
        (key for key in house.objects.objects if key.startswith(prefix)),
        key=lambda key: int(key.rpartition("/")[2]),
    )


def damage_log(house: House, what: str) -> str:
    """Damage a file of the published log, and return its key."""
    objects, tile = house.objects.objects, widest(house, "log/tile/0/")
    copies = sorted(key for key in objects if key.startswith("log/checkpoints/"))
    if what == "changed tile":
        objects[tile].body[3] ^= 1
        return tile
    if what == "old checkpoint":
        objects["log/checkpoint"].body[:] = objects[copies[0]].body
        return "log/checkpoint"
    entries = widest(house, "log/tile/entries/")
    key = {"missing tile": tile, "missing entries": entries, "missing copy": copies[-1]}[what]
    del objects[key]
    return key


async def damage_account(house: House, what: str) -> str:
    """Damage the account's object, and return the account's id."""
    objects = house.objects.objects
    key = next(key for key in objects if key.startswith("accounts/"))
    if what == "changed object":
        objects[key].body[-20] ^= 1
        return house.account.id
    body = objects.pop(key)
    if what == "old object":
        await off(house)
        await write_all(house)
        del objects[next(key for key in objects if key.startswith("accounts/"))]
        objects[key] = body
    return house.account.id


async def two_publications(house: House) -> str:
    """Fill the vault, publish it twice, and return a recording."""
    await available(house, "rec-1")
    await write_all(house)
    recording_id = await available(house, "rec-2", call_ref="call-2")
    await write_all(house)
    assert (await checked(house)).findings == []
    return recording_id


@pytest.mark.parametrize("what", [*LOG, *ACCOUNT])
async def test_each_damage_is_named(house: House, what: str):
    """One line that begins with the key, or with the account."""
    await two_publications(house)
    begins = damage_log(house, what) if what in LOG else await damage_account(house, what)
    found = (await checked(house)).findings
    if what == "old object":
        # Both: objects that the account lacks, and objects that should be deleted.
        assert "a newer object of this account was written" in found.pop()
    assert len(found) == 1, found
    assert found[0].startswith(begins)
    assert (LOG | ACCOUNT)[what] in found[0]


async def test_an_account_whose_object_is_due_has_no_finding(house: House):
    """What the worker is about to write is not compared."""
    await two_publications(house)
    await off(house)
    assert (await checked(house)).findings == []


@pytest.mark.parametrize(
    "what", ["changed tile", "old checkpoint", "missing copy", "old object", "other manifest"]
)
async def test_the_advice_works(house: House, what: str):
    """What the database holds is written again when an operator asks for it, and on record."""
    recording_id = await two_publications(house)
    if what in LOG:
        damage_log(house, what)
    elif what in ACCOUNT:
        await damage_account(house, what)
    else:
        await damage(house, what, recording_id)
    assert (await checked(house)).findings
    await house.vault.jobs.rewrite_store.begin(actor="operator")
    assert any("lost data" in one for one in (await checked(house)).findings)
    while await house.vault.jobs.rewrite_store.any_due():
        await house.vault.jobs.rewrite_store()
        await write_all(house)
    assert (await checked(house)).findings == []
    assert not await house.vault.jobs.rewrite_store.find_loss()


async def test_a_partial_file_that_a_full_one_replaced_is_no_finding(house: House):
    """After a restore the database may continue from before the full one. Its beginning is compared instead."""
    await two_publications(house)
    size = await house.database.read(lambda tx: tx.object_store.published_size())
    for key in [widest(house, "log/tile/0/"), widest(house, "log/tile/entries/")]:
        kept = house.objects.objects.pop(key)
        full = house.objects.objects[key.partition(".p/")[0]] = replace(
            kept, body=bytearray(kept.body + b"more")
        )
    assert (await checked(house)).findings == []
    full.body[5] ^= 1
    (finding,) = (await checked(house)).findings
    assert "does not match the tree" in finding
    assert size == await house.database.read(lambda tx: tx.object_store.published_size())


async def test_a_rewrite_that_was_asked_for_is_no_loss(house: House):
    """It raises no alarm; a loss that is found meanwhile does. Wrong: one mark for both."""
    await two_publications(house)
    rewrite = house.vault.jobs.rewrite_store
    await rewrite.begin(actor="operator")
    assert await behind(house) == 0
    for key in [key for key in house.objects.objects if key.startswith("log/")]:
        del house.objects.objects[key]
    lost = house.objects.objects
    assert await rewrite.find_loss()
    assert await behind(house) == 1
    await rewrite.begin(actor="operator")
    assert await behind(house) == 1
    while await rewrite.any_due():
        await rewrite()
        await write_all(house)
    assert await behind(house) == 0
    assert "log/checkpoint" in lost


async def behind(house: House) -> float:
    """Return what the metric says."""
    families = await house.database.read(_of_the_store)
    return next(one for one in families if one.name == "callvault_store_behind").samples[0].value


async def test_no_account_object_is_written_during_a_restore(house: House):
    """Its name would say that it belongs to an empty log."""
    await off(house)
    before = set(house.objects.objects)
    await house.database.write(lambda tx: tx.metadata.replace({MARK: NEW_MARK}))
    assert not await house.vault.jobs.write_account_objects()
    assert set(house.objects.objects) == before
    await house.database.write(lambda tx: tx.metadata.replace({}, drop=[MARK]))
    assert await house.vault.jobs.write_account_objects()
