"""Statements that were compiled at import read what SQLAlchemy reads, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import bindparam, select

from tests.support.database_rows import NOW, open_account
from vault.database.interface import Database
from vault.database.schema.accounts import api_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.core import accounts, switch_changes
from vault.database.sql.compiled_statements import CompiledInsert, CompiledSelect
from vault.database.sql.dialect import insert_new

KEYS = [
    {
        "id": "key_1", "name": "naïve", "account_id": None, "scopes": ["*", "ingest"], "secret_hash": b"\x00\xff",
        "created_at": NOW, "revoked_at": None, "created_by": None,
    },
    {
        "id": "key_2", "name": "", "account_id": "acct_a", "scopes": [], "secret_hash": b"",
        "created_at": NOW - timedelta(days=40_000), "revoked_at": NOW + timedelta(microseconds=1),
        "created_by": "key_1",
    },
]  # fmt: skip


async def insert(database: Database, table, *rows) -> None:
    """Insert rows past every rule."""
    await database.write(lambda tx: insert_new(tx.connection, table, *rows))


@pytest.mark.parametrize("key_id", ["key_1", "key_2"])
async def test_every_kind_of_column_is_read_as_the_table_says(database: Database, key_id: str):
    """Text, bytes, JSON, moments and what is not there come out as they went in."""
    await insert(database, api_keys, *KEYS)
    compiled = CompiledSelect(select(api_keys).where(api_keys.c.id == bindparam("id")))
    row = await database.read(lambda tx: compiled.first(tx.connection, id=key_id))
    assert row == next(key for key in KEYS if key["id"] == key_id)


async def test_booleans_are_booleans(database: Database):
    """SQLite has only numbers for them."""
    await open_account(database)
    compiled = CompiledSelect(select(accounts.c.enabled).where(accounts.c.id == bindparam("id")))
    row = await database.read(lambda tx: compiled.first(tx.connection, id="acct_a"))
    assert row is not None
    assert row["enabled"] is True


async def test_values_that_stand_in_the_query_are_kept(database: Database):
    """A limit, a constant and the order hold; without a row the answer is None."""
    rows = [
        {
            "id": f"fact_{number}", "account_id": "acct_a", "call_ref": "call-1", "delivery": str(number),
            "at": NOW + timedelta(seconds=number), "started_at": None, "ended_at": None,
            "sealed_facts": b"x", "key_version": number,
        }
        for number in range(5)
    ]  # fmt: skip
    await insert(database, call_facts, *rows)
    query = select(call_facts.c.id).where(
        call_facts.c.call_ref == bindparam("call"), call_facts.c.key_version > 1
    )
    compiled = CompiledSelect(query.order_by(call_facts.c.at.desc()).limit(2))
    found = await database.read(lambda tx: compiled.rows(tx.connection, call="call-1"))
    assert found == [{"id": "fact_4"}, {"id": "fact_3"}]
    assert await database.read(lambda tx: compiled.first(tx.connection, call="call-2")) is None


async def test_names_that_are_words_of_sql_are_read(database: Database):
    """A column comes by its own name, whatever the database must be told to quote."""
    await open_account(database)
    compiled = CompiledSelect(
        select(switch_changes.c.by).where(switch_changes.c.account_id == bindparam("by"))
    )
    assert await database.read(lambda tx: compiled.rows(tx.connection, by="acct_a")) == [{"by": "vault"}]


async def test_a_row_is_inserted_once_and_read_back(database: Database):
    """The second one of the same unique key changes nothing and says so."""
    row = {
        "id": "fact_1", "account_id": "acct_a", "call_ref": "call-1", "delivery": "1", "at": NOW,
        "started_at": NOW - timedelta(microseconds=1), "ended_at": None, "sealed_facts": b"\x00", "key_version": 1,
        "month_key": None,
    }  # fmt: skip
    add, find = CompiledInsert(call_facts), CompiledSelect(select(call_facts))
    assert await database.write(lambda tx: add.add(tx.connection, row))
    again = row | {"id": "fact_2", "sealed_facts": b"other"}
    assert not await database.write(lambda tx: add.add(tx.connection, again))
    assert await database.read(lambda tx: find.rows(tx.connection)) == [row]


async def test_rows_that_are_there_are_not_counted(database: Database):
    """Of several rows in one INSERT, only the new ones count, also those that repeat each other."""

    def row(key_id: str):
        return KEYS[0] | {"id": key_id}

    def add(*names: str):
        return lambda tx: insert_new(tx.connection, api_keys, *(row(name) for name in names))

    assert await database.write(add("key_1")) == 1
    assert await database.write(add("key_1")) == 0
    assert await database.write(add("key_1", "key_2", "key_2", "key_3")) == 2
