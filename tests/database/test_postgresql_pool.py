"""How many connections a process keeps to PostgreSQL, and how a number of them is divided."""

import asyncio
from dataclasses import astuple

import pytest
from sqlalchemy import text

from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.postgresql_job import DEFAULT_POOL, MIN_POOL, PoolSizes
from vault.database.sql.hot_text import HotText

_COUNT = "SELECT count(*), pg_sleep(0.02) FROM pg_stat_activity WHERE datname = current_database()"


def test_a_pool_has_as_many_connections_as_it_is_told():
    """Each kind has at least one, and the default is divided as the table in the documentation says."""
    for total in range(MIN_POOL, 1001):
        sizes = PoolSizes.of(total)
        assert sizes.total == total
        assert min(astuple(sizes)) >= 1
    assert PoolSizes.of(DEFAULT_POOL) == PoolSizes()
    assert PoolSizes() == PoolSizes(write=12, read=8, hot_write=8, urgent=2, tree=1, hot_read=2, signals=2)


@pytest.mark.parametrize("total", [MIN_POOL, 20])
async def test_a_process_keeps_no_more_connections_than_its_pool(migrated_url: str, total: int):
    """Reads and writes of every kind at the same time: the server counts the sessions of the database."""
    database = PostgresqlDatabase(migrated_url, pool=total)

    def count(tx) -> int:
        return tx.connection.execute(text(_COUNT)).one()[0]

    async def count_hot() -> int:
        return (await database._pool.hot().write([(HotText(_COUNT), {})], guarded=False))[0][0][0]

    try:
        seen = await asyncio.gather(
            *(database.unguarded.read(count) for _ in range(40)),
            *(database.unguarded.write(count) for _ in range(40)),
            *(database.unguarded.write(count, urgent=True) for _ in range(8)),
            *(count_hot() for _ in range(40)),
        )
    finally:
        database.close()
    assert total // 3 < max(seen) <= total
