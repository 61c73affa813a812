"""When an act's object may go: not before what says it again is written, whatever was restored meanwhile."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.services.closing_acts.closing_verbs import NUMBER, VERBS
from tests.services.closing_acts.test_closing import acts_in, journal_of, keeper, puts
from tests.services.closing_acts.test_journal import NOW, anchored, kept_up
from tests.support.parties import ME, set_policy, tell
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.rotation import finish, rotate
from tests.support.service_house import House
from tests.support.stored_account import having
from vault.database.account_parts.objections import OBJECTIONS
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.access_log import closing_acts
from vault.database.schema.consent import consent_events
from vault.database.schema.core import accounts
from vault.domain.calls.call import CallFacts
from vault.thread_pools import Threads


async def test_an_act_waits_for_the_object_that_has_it(house: House, tmp_path: Path, threads: Threads):
    """An objection that is entered again raises the account's revision: the object of before does not say it."""
    old = copied(house, tmp_path / "old")
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, **ME)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
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
    await house.vault.consent.objections.enter(house.account.id, NUMBER, reason=None, **ME)
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    there = acts_in(house)
    known = await house.database.read(lambda tx: tx.account_objects.read(house.account.id))
    async with empty_house(house, tmp_path / "new", threads) as late:
        journal = journal_of(late)
        lost = await journal.missing(late.database)
        for act in lost:
            await late.vault.database.write(lambda tx, act=act: journal.apply(tx, act))
        assert await journal.missing(late.database) == []  # The log has their leaves.
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == there
        again = await journal.missing(late.database, kept=True)
        assert again == lost
        without = having(known, {OBJECTIONS: ()})
        await late.database.write(lambda tx: tx.restore.account(without, {}))
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == there  # An object of the account that does not say them is not enough.
        for act in again:
            await late.vault.database.write(lambda tx, act=act: journal.apply(tx, act))
        assert not (await late.vault.accounts.switch.read(house.account.id)).enabled
        (found,) = await late.vault.consent.objections.list(house.account.id, after=None, limit=9)
        assert found.number == NUMBER
        assert await journal.missing(late.database, kept=True) == []
        await write_all(late)
        await anchored(late, at=NOW)
        await kept_up(late)
        assert acts_in(house) == {}


@pytest.mark.parametrize("name", ["erasure", "refusal"])
async def test_an_act_waits_for_the_tombstone(house: House, tmp_path: Path, threads: Threads, name: str):
    """The log alone keeps nothing out: without its row and its tombstone the recording would be fetched once more."""
    await set_policy(house)
    verb = VERBS[name]
    thing = await verb.prepare(house, name)
    old = copied(house, tmp_path / "old")
    await verb.close(house, thing)
    assert [*acts_in(house).values()] == [[verb.kind]]
    act_of = acts_in(house)
    await all_but_tombstones(house)
    assert acts_in(house) == act_of
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        assert await verb.closed(late, thing)
    while await house.vault.jobs.remove_erased():
        pass
    await all_but_tombstones(house)
    assert acts_in(house) == act_of
    while await house.vault.jobs.write_tombstones():
        pass
    await kept_up(house)
    assert acts_in(house) == {}


@pytest.mark.parametrize("name", ["erasure", "refusal"])
async def test_an_act_that_is_done_again_leaves_a_tombstone(
    house: House, tmp_path: Path, threads: Threads, name: str
):
    """A recording of which the database knew nothing: its tombstone is written before the act's object goes."""
    await set_policy(house)
    old = copied(house, tmp_path / "old")
    verb = VERBS[name]
    await verb.close(house, await verb.prepare(house, name))
    there = acts_in(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        (act,) = await journal_of(late).missing(late.database)
        await late.vault.database.write(lambda tx: journal_of(late).apply(tx, act))
        while await late.vault.jobs.remove_erased():
            pass
        await all_but_tombstones(late)
        assert acts_in(house) == there
        assert await late.vault.jobs.write_tombstones()
        await kept_up(late)
        assert acts_in(house) == {}
        assert any(key.startswith("tombstones/") for key in house.objects.objects)


async def test_a_no_comes_back_although_the_copy_knew_it(house: House, tmp_path: Path, threads: Threads):
    """The copy has it under a version of the key that was destroyed since, and its row goes with that version."""
    await said_no(house)
    old = copied(house, tmp_path / "old")
    await rotate(house)
    await finish(house)
    await write_all(house)
    await anchored(house, at=NOW)
    await kept_up(house)
    (kept,) = kept_in(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert (await late.vault.backup.restore(actor="operator")).findings == []
        rows = await late.database.read(lambda tx: tx.consents.of_call(house.account.id, "call-1"))
        assert [row.key_version for row in rows] == [2]
        seen = await late.vault.recordings.calls.read(house.account.id, "call-1")
        assert "declined" in {ground.code for ground in seen.decision.grounds}
        assert await journal_of(late).missing(late.database, kept=True) == []
        # Whatever makes its object due: what is put is what was there.
        await late.database.write(put_again)
        await kept_up(late)
        assert kept_in(house) == [kept]


async def test_a_no_without_its_row_holds_up_no_other(house: House):
    """What a restore that was cut short left: the object stays as it is, and the worker goes on."""
    await said_no(house)
    (kept,) = kept_in(house)
    await house.database.write(lambda tx: tx.connection.execute(delete(consent_events)) and None)
    await house.database.write(put_again)
    before = puts(house)
    await kept_up(house)
    assert puts(house) == before  # It may be sealed under a later version there.
    assert not await keeper(house).any_due()
    (act,) = await journal_of(house).missing(house.database, kept=True)
    await house.vault.database.write(lambda tx: journal_of(house).apply(tx, act))
    assert await house.database.read(lambda tx: len(tx.consents.of_call(house.account.id, "call-1"))) == 1
    await kept_up(house)
    assert kept_in(house) == [kept]
    assert puts(house) > before
    assert await journal_of(house).missing(house.database, kept=True) == []


async def said_no(house: House) -> None:
    """Let a party decline, and the worker put what lies for good."""
    await set_policy(house)
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1"))
    await tell(house, "declined")
    await write_all(house)
    await anchored(house, at=NOW)
    await kept_up(house)


def kept_in(house: House) -> list[bytes]:
    """Return the objects that lie for good."""
    return [bytes(one.body) for key, one in house.objects.objects.items() if key.startswith("closed/")]


def put_again(tx: Any) -> None:
    """Note that nothing of what lies for good is known to be stored, as the end of a rotation does."""
    tx.connection.execute(update(closing_acts).where(closing_acts.c.act.is_not(None)).values(stored=False))


async def all_but_tombstones(house: House) -> None:
    """Write and anchor the log, and let the worker do all that it can about acts."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await replace(house.vault.jobs.log_publisher, publish_interval=timedelta(0)).publish()
    await anchored(house, at=NOW)
    await kept_up(house)
