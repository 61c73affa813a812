"""Objects of accounts that several histories left: which of them a restore takes, and what they may not undo."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.services.backup.test_account_object_histories import names_of, policy
from tests.services.backup.test_restore_rotated import versions_of
from tests.support.restoring import available, copied, empty_house, house_over, write_all
from tests.support.rotation import ME, finish, rotate
from tests.support.service_house import AUDIO, House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.account_keys import month_keys
from vault.database.schema.core import accounts
from vault.domain.stored.manifest import location_of
from vault.errors import NotFound
from vault.thread_pools import Threads


async def another(house: House, ref: str) -> str:
    """Open another account, and anchor that: it is what a copy from before loses."""
    account, _ = await house.vault.accounts.accounts.open(ref, name=None, locale=None, actor="key_test")
    await write_all(house)
    return account.id


async def reason_of(house: House) -> str | None:
    """Return the reason that the consent policy in force gives."""
    return (await house.vault.consent.policy.read(house.account.id)).reason


async def test_an_object_that_lost_before_changes_nothing(house: House, tmp_path: Path, threads: Threads):
    """It contradicts what both sides of a later restore agree on: settings and the newer key stay."""
    await write_all(house)
    start = copied(house, tmp_path / "start")
    await policy(house, "never anchored")
    await house.vault.jobs.write_account_objects()
    async with house_over(house, SqliteDatabase(start), threads) as promoted:
        await rotate(promoted)
        await policy(promoted, "in force")
        await write_all(promoted)
        assert len(names_of(promoted)) == 2
        old = copied(promoted, tmp_path / "old")
        lost = await another(promoted, "lost")
    async with house_over(house, SqliteDatabase(old), threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert (report.findings, report.counts["accounts"]) == ([], 1)
        assert await reason_of(new) == "in force"
        assert await versions_of(new) == {1, 2}
        assert (await new.vault.consent.policy.read(lost)) is not None


async def month_keys_of(house: House) -> set[str]:
    """Return the ids of the account's month keys."""
    query = select(month_keys.c.id).where(month_keys.c.account_id == house.account.id)
    return set(await house.database.read(lambda tx: tx.connection.execute(query).scalars().all()))


async def test_a_key_of_the_same_number_stays(house: House, tmp_path: Path, threads: Threads):
    """Both histories rotated the account's key: what was sealed since under one's own opens, and that is said."""
    await write_all(house)
    start = copied(house, tmp_path / "start")
    await rotate(house)
    lost = await available(house, "rec-lost")
    await finish(house)
    await write_all(house)
    async with house_over(house, SqliteDatabase(start), threads) as new:
        await rotate(new)
        own = await available(new, "rec-own")
        before = await month_keys_of(new)
        report = await new.vault.backup.restore(actor="operator")
        # Nothing here opens month keys under the lost version 2, so none may be found to seal under.
        assert await month_keys_of(new) == before
        # The index key was under version 1, which the lost history destroyed, or under its own version 2.
        assert {line.partition(" of the lost")[0] for line in report.findings} == {
            f"{house.account.id}: version 2 of its key",
            f"{location_of(house.account.id, lost)}: There is no such month key.",
            f"{location_of(house.account.id, own)}: The wrapped key cannot be decrypted under this key and context.",
        }
        assert await new.heard(own) == AUDIO


async def test_what_was_merged_is_older_than_what_is_written_next(
    house: House, tmp_path: Path, threads: Threads
):
    """However often the lost history changed the account, its object goes, and is never taken once more."""
    await write_all(house)
    start = copied(house, tmp_path / "start")
    for number in range(5):
        await policy(house, f"lost {number}")
    await write_all(house)
    [merged] = names_of(house)
    async with house_over(house, SqliteDatabase(start), threads) as new:
        await policy(new, "own")
        await new.vault.backup.restore(actor="operator")
        now = await new.database.read(lambda tx: tx.account_objects.revisions(new.account.id))
        assert now is not None
        assert now.now > merged.revision
        await write_all(new)
        assert merged not in names_of(new)


async def test_an_older_object_with_a_higher_revision_is_not_taken(
    house: House, tmp_path: Path, threads: Threads
):
    """Where the row's revision stayed below that of what was merged, what it wrote since is newer all the same."""
    await write_all(house)
    for number in range(5):
        await policy(house, f"merged {number}")
    await write_all(house)
    [merged] = names_of(house)
    back = update(accounts).where(accounts.c.id == house.account.id).values(revision=2, written_revision=2)
    await house.database.write(lambda tx: tx.connection.execute(back) and None)
    await policy(house, "in force")
    await write_all(house)
    assert merged in names_of(house)
    old = copied(house, tmp_path / "old")
    await another(house, "lost")
    async with house_over(house, SqliteDatabase(old), threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).counts["accounts"] == 1
        assert await reason_of(new) == "in force"


@pytest.mark.parametrize("changes", [1, 9])
async def test_an_empty_database_gets_what_the_anchored_history_says(
    house: House, tmp_path: Path, threads: Threads, changes: int
):
    """An object of a history that was not anchored is newer by the clock, and shorter or longer: it is added alone."""
    await write_all(house)
    start = copied(house, tmp_path / "start")
    for number in range(3):
        await policy(house, f"anchored {number}")
    await house.vault.consent.objections.enter(
        house.account.id, "+33612345678", reason=None, actor="key_test"
    )
    await write_all(house)
    async with house_over(house, SqliteDatabase(start), threads) as other:
        await other.vault.consent.objections.enter(
            house.account.id, "+33687654321", reason=None, actor="key_test"
        )
        for number in range(changes - 1):
            await other.vault.accounts.accounts.open(
                house.account.ref, name=f"other {number}", locale=None, actor="key_test"
            )
        await other.vault.jobs.write_account_objects()
    assert len(names_of(house)) == 2
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert (report.findings, report.counts["accounts"]) == ([], 1)
        assert await reason_of(new) == "anchored 2"
        listed = await new.vault.consent.objections.list(new.account.id, after=None, limit=9)
        assert {one.number for one in listed} == {"+33612345678", "+33687654321"}


async def objection(house: House, number: str) -> None:
    """Enter an objection."""
    await house.vault.consent.objections.enter(house.account.id, number, reason=None, actor="key_test")


@pytest.mark.parametrize("anchored", [False, True])
async def test_a_key_that_comes_back_is_destroyed_once_more(
    house: House, tmp_path: Path, threads: Threads, anchored: bool
):
    """The lost history continued under a key version that the own history destroyed: destroyed again once unused."""
    await write_all(house)
    start = copied(house, tmp_path / "start")
    await house.vault.consent.objections.enter(house.account.id, "+33687654321", reason=None, **ME)
    for number in range(9):
        await house.vault.accounts.accounts.open(house.account.ref, name=f"name {number}", locale=None, **ME)
    await house.vault.jobs.write_account_objects()
    if anchored:
        await write_all(house)
    async with house_over(house, SqliteDatabase(start), threads) as new:
        await rotate(new)
        await finish(new)
        if not anchored:
            await write_all(new)
            old = copied(new, tmp_path / "old")
            await another(new, "lost")
            start = old
    async with house_over(house, SqliteDatabase(start), threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await versions_of(new) == {1, 2}
        await finish(new)
        with pytest.raises(NotFound):
            await new.database.read(lambda tx: tx.accounts.wrapped_key(new.account.id, 1))
        [objected] = await new.vault.consent.objections.list(new.account.id, after=None, limit=9)
        assert objected.number == "+33687654321"
        assert await available(new, "rec-own")
