"""Changes of calls as rows, the same on SQLite and PostgreSQL: in their order, and none is passed over."""

import asyncio
import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from tests.support.database_rows import NOW, announcement, open_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.interface import Database
from vault.database.schema.calls import call_change_base
from vault.database.stores.calls.call_changes import BEGINNING, CallChange, ChangePlace, note_call_change
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.hot.add_fact import NewFact
from vault.database.transaction import Transaction
from vault.domain.calls.metadata import MetadataRow
from vault.domain.ids import new_id
from vault.errors import Invalid


def fact(call: str, account_id: str = "acct_a", delivery: str | None = None) -> CallFactRow:
    """Return a fact of a call."""
    return CallFactRow(
        id=new_id("fact"), account_id=account_id, call_ref=call, delivery=delivery or new_id("d"), at=NOW,
        started_at=None, ended_at=None, sealed_facts=b"sealed", key_version=1,
    )  # fmt: skip


async def tell(database: Database, *calls: str, account_id: str = "acct_a") -> None:
    """Tell of calls, one after the other, by the statement of call starts and webhooks."""
    for call in calls:
        await database.add_fact(NewFact(row=fact(call, account_id), terms=[], max_facts=9))


async def page(database: Database, after: ChangePlace = BEGINNING, limit: int = 9) -> list[CallChange]:
    """Return a page of changes."""
    return list(await database.read(lambda tx: tx.call_changes.page("acct_a", after, limit=limit)))


async def changed(
    database: Database, after: ChangePlace = BEGINNING
) -> tuple[list[tuple[str, bool]], ChangePlace]:
    """Return what changed behind a place, call and whether it is erased; and the place behind it."""
    found = await page(database, after)
    return [(one.call_ref, one.erased) for one in found], found[-1].place if found else after


async def test_each_change_moves_its_call_to_the_end(database: Database):
    """A fact, by either way to store one; metadata of the call; its erasure. Nothing of another account."""
    await open_account(database)
    await open_account(database, "acct_b")
    await tell(database, "a", "b", "c")
    await tell(database, "other", account_id="acct_b")
    found, place = await changed(database)
    assert found == [("a", False), ("b", False), ("c", False)]
    assert await database.write(lambda tx: tx.call_facts.add(fact("b")))
    await tell(database, "a")
    found, place = await changed(database, place)
    assert found == [("b", False), ("a", False)]
    row = MetadataRow(account_id="acct_a", call_ref="c", recording_id="", sealed="s", changed_at=NOW)
    await database.write(lambda tx: tx.call_metadata.put(row, [], before=None))
    await database.write(lambda tx: tx.call_metadata.put(replace(row, recording_id="r"), [], before=None))
    await database.write(lambda tx: tx.call_facts.forget_call("acct_a", "a", held=()))
    found, place = await changed(database, place)
    assert found == [("c", False), ("a", True)]
    assert await changed(database, place) == ([], place)
    await tell(database, "a")
    assert (await changed(database, place))[0] == [("a", False)]


async def test_a_delivery_that_comes_again_changes_nothing(database: Database):
    """By either way."""
    await open_account(database)
    same = fact("a", delivery="d")
    await database.add_fact(NewFact(row=same, terms=[], max_facts=9))
    _, place = await changed(database)
    again = replace(same, id=new_id("fact"))
    await database.add_fact(NewFact(row=again, terms=[], max_facts=9))
    assert not await database.write(lambda tx: tx.call_facts.add(again))
    assert await changed(database, place) == ([], place)


async def test_pages_have_each_call_once(database: Database):
    """Also where one transaction has changed all of them."""
    await open_account(database)

    def tell_all(tx: Transaction) -> None:
        for call in "dbeac":
            note_call_change(tx.connection, "acct_a", call)

    await database.write(tell_all)
    place, found = BEGINNING, list[str]()
    while some := await page(database, place, limit=2):
        assert len(some) <= 2
        found += [one.call_ref for one in some]
        place = some[-1].place
    assert sorted(found) == ["a", "b", "c", "d", "e"]


async def test_a_place_beyond_the_last_change_is_refused(database: Database):
    """It belongs to another database."""
    await open_account(database)
    with pytest.raises(Invalid):
        await page(database, ChangePlace(number=2**60, call_ref="a"))


async def test_nothing_is_passed_over_by_what_commits_late(postgresql: PostgresqlDatabase):
    """A change that begins first and commits last. Wrong: a page shows what began later, and then passes over it."""
    await open_account(postgresql)
    noted, go = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        note_call_change(tx.connection, "acct_a", "slow")
        noted.set()
        go.wait(20)

    writing = asyncio.create_task(postgresql.write(slow))
    await asyncio.to_thread(noted.wait)
    await tell(postgresql, "fast")
    first, place = await changed(postgresql)
    go.set()
    await writing
    rest, _ = await changed(postgresql, place)
    assert [call for call, _ in first + rest] == ["slow", "fast"]


async def test_numbers_go_on_above_those_of_another_server(postgresql: PostgresqlDatabase):
    """Which had counted more transactions; twice on the same server, nothing changes."""
    await open_account(postgresql)
    await tell(postgresql, "a")
    (before,) = await page(postgresql)

    def bases(tx: Transaction) -> int:
        base: int = tx.connection.execute(select(call_change_base.c.base)).scalar_one()
        return base

    # As after pg_restore in a new cluster: the number of a row is that of a transaction which is to come.
    await postgresql.write(
        lambda tx: (
            tx.connection.execute(update(call_change_base).values(base=call_change_base.c.base - 10**6))
            and None
        )
    )
    await postgresql.write(lambda tx: tx.call_changes.follow_history())
    base = await postgresql.read(bases)
    await postgresql.write(lambda tx: tx.call_changes.follow_history())
    assert await postgresql.read(bases) == base
    await tell(postgresql, "b")
    assert [one.call_ref for one in await page(postgresql, before.place)] == ["b"]


async def test_calls_of_a_connection(database: Database):
    """By its webhooks, or by a recording that it announced; one whose name is only longer is another."""
    await open_account(database)
    for call, delivery in (("hook", "conn_1/x"), ("other", "conn_12/x"), ("any", "connA1/x"), ("rest", "x")):
        await database.write(lambda tx, c=call, d=delivery: tx.call_facts.add(fact(c, delivery=d)))
    await database.announce(announcement("r", call_ref="recorded"))
    refs = ["hook", "other", "any", "rest", "recorded"]
    found = await database.read(lambda tx: tx.call_changes.of_connection("acct_a", refs, "conn_1"))
    assert found == {"hook", "recorded"}
    assert (
        await database.read(lambda tx: tx.call_changes.of_connection("acct_a", ["rest"], "conn_1")) == set()
    )
