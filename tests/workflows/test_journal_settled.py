"""When an act's object may go: not before what says it again is written, whatever was restored meanwhile."""

from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from tests.workflows.closing_verbs import NUMBER
from tests.workflows.conftest import House
from tests.workflows.parties import ME
from tests.workflows.restoring import copied, empty_house, house_over, write_all
from tests.workflows.test_closing import acts_in, journal_of
from tests.workflows.test_journal import NOW, anchored, kept_up
from vault.database.schema import accounts
from vault.database.schema_closing import closing_acts
from vault.database.sqlite import SqliteDatabase
from vault.threads import Threads


async def test_an_act_waits_for_the_object_that_has_it(house: House, tmp_path: Path, threads: Threads):
    """An objection that is entered again raises the account's revision: the object of before does not say it."""
    old = copied(house, tmp_path / "old")
    await house.vault.enter_objection(house.account.id, NUMBER, reason=None, **ME)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await late.database.write(lambda tx: journal_of(late).apply(tx, act))
        waited_for, now = await late.database.read(
            lambda tx: (
                tx.connection.execute(select(closing_acts.c.revision)).scalar_one(),
                tx.connection.execute(select(accounts.c.revision)).scalar_one(),
            )
        )
        assert waited_for == now


async def test_an_act_waits_for_an_account_that_could_not_be_brought_in(
    house: House, tmp_path: Path, threads: Threads
):
    """Nothing was closed in a database without the account: the objects stay, and the next restore does them again."""
    await house.vault.enter_objection(house.account.id, NUMBER, reason=None, **ME)
    await house.vault.set_switch(house.account.id, enabled=False, reason=None, **ME)
    there = acts_in(house)
    known = await house.database.read(lambda tx: tx.account_objects.read(house.account.id))
    async with empty_house(house, tmp_path / "new", threads) as late:
        journal = journal_of(late)
        lost = await journal.missing(late.database)
        for act in lost:
            await late.database.write(lambda tx, act=act: journal.apply(tx, act))
        assert await journal.missing(late.database) == []  # The log has their leaves.
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == there
        again = await journal.missing(late.database, kept=True)
        assert again == lost
        await late.database.write(lambda tx: tx.restored.account(replace(known, objections=()), {}))
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == there  # An object of the account that does not say them is not enough.
        for act in again:
            await late.database.write(lambda tx, act=act: journal.apply(tx, act))
        assert not (await late.vault.read_switch(house.account.id)).enabled
        (found,) = await late.vault.list_objections(house.account.id, after=None, limit=9)
        assert found.number == NUMBER
        assert await journal.missing(late.database, kept=True) == []
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == {}
