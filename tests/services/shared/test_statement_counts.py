"""What the hot verbs ask of database and object store is the committed table, on both databases."""

from tests.support.service_house import House
from tests.support.statement_counts import TABLE, measure, section
from vault.database.engines.sqlite import SqliteDatabase


async def test_a_hot_verb_asks_what_the_table_says(either: House):
    """More statements, transactions or requests are a change of ``tests/golden/statements.txt``, seen in review.

    After a wanted change: ``python -m tests.support.statement_counts``.
    """
    name = "sqlite" if isinstance(either.database, SqliteDatabase) else "postgresql"
    assert section(name, await measure(either)) in TABLE.read_text()
