"""When an act's object may go: not before what says it again is written, whatever was restored meanwhile."""

from pathlib import Path

from sqlalchemy import select

from tests.workflows.closing_verbs import NUMBER
from tests.workflows.conftest import House
from tests.workflows.parties import ME
from tests.workflows.restoring import copied, house_over
from tests.workflows.test_closing import journal_of
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
