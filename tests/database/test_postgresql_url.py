"""URLs of PostgreSQL as libpq writes them: one host, lists of them, and what is wrong with one, in a sentence.

How many connections a process keeps to PostgreSQL, and how a number of them is divided.
"""

import asyncio
from dataclasses import astuple

import pytest
from sqlalchemy import text

from vault.database.engines.migrate import check_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.postgresql_job import DEFAULT_POOL, MIN_POOL, PoolSizes
from vault.database.sql.hot_text import HotText
from vault.database.sql.postgresql_url import connection_parameters, described_host
from vault.errors import StartRefused, Unavailable

LISTS = {
    "postgresql://u@h1:1,h2:2/db?target_session_attrs=read-write": "h1 port 1, h2 port 2",
    "postgresql://u@h1,h2/db": "h1 port 5432, h2 port 5432",
    "postgresql://u:secret@h1:1,h2/db": "h1 port 1, h2 port 5432",
    "postgresql://u@/db?host=h1:1&host=h2:2": "h1 port 1, h2 port 2",
    "postgresql://u@/db?host=h1:1&host=h2&target_session_attrs=read-write": "h1 port 1, h2 port 5432",
    "postgresql://u@/db?host=h1&host=h2": "h1 port 5432, h2 port 5432",
    "postgresql://u@/db?host=[::1]:1&host=::2": "::1 port 1, ::2 port 5432",
    "postgresql://u@/db?host=h1,h2&port=1,2": "h1 port 1, h2 port 2",
    "postgresql://u@/db?host=h1,h2&port=7": "h1 port 7, h2 port 7",
    "postgresql://u@[::1]:1,[::2]:2/db?target_session_attrs=primary": "::1 port 1, ::2 port 2",
}
_COUNT = "SELECT count(*), pg_sleep(0.02) FROM pg_stat_activity WHERE datname = current_database()"


@pytest.mark.parametrize("url", LISTS)
def test_lists_of_hosts_ask_for_a_server_that_takes_writes(url: str):
    """Hosts and ports come out as libpq means them; where the URL asks for nothing, read-write is asked for."""
    parameters = connection_parameters(url)
    assert described_host(url) == LISTS[url]
    assert parameters["target_session_attrs"] in {"read-write", "primary"}
    assert parameters["user"] == "u"


@pytest.mark.parametrize("url", ["postgresql://u@h1/db", "postgresql://u:@/db?host=/run/postgresql"])
def test_a_single_host_is_taken_as_it_is(url: str):
    """A standby is reported in the vault's own words."""
    assert "target_session_attrs" not in connection_parameters(url)


WRONG = {
    "postgresql://u:secret@h1:1,h2:2,h3/db?port=1,2": "3 hosts and 2 ports",
    "postgresql://u:secret@h1:x,h2:2/db": "has a port that is not a number from 1 to 65535",
    "postgresql://u:secret@h1:70000/db": "has a port",
    "postgresql://u:secret@h1:0/db": "has a port",
    "postgresql://u:secret@[::1/db": "is not a URL that libpq reads",
    "postgresql://u:secret@h1/db?nonsense=1": "is not a URL that libpq reads",
    "postgresql://u:secret@h1,h2/db?target_session_attrs=standby": "target_session_attrs",
    "postgresql://u:secret@h1,h2/db?target_session_attrs=read-write,any": "target_session_attrs",
    "postgresql://u:secret@/db?host=h1:x&host=h2": "has a port",
    "postgresql://u:secret@h1:1%zz/db": "is not a URL that libpq reads",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_list_gives_a_sentence_without_the_password(url: str):
    """Through serve's check, through migrate and through the pool: never a traceback of a library."""
    for step in (check_postgresql, migrate_postgresql, PostgresqlDatabase, connection_parameters):
        with pytest.raises(StartRefused, match="VAULT_DATABASE_URL") as refused:
            step(url)
        assert WRONG[url] in str(refused.value)
        assert "secret" not in str(refused.value)


def test_a_server_that_does_not_answer_is_named_without_the_password():
    """Every host of the list, with its port."""
    with pytest.raises(
        Unavailable, match=r"at 127.0.0.1 port 9, 127.0.0.1 port 10 does not answer"
    ) as refused:
        check_postgresql("postgresql://u:secret@127.0.0.1:9,127.0.0.1:10/db")
    assert "secret" not in str(refused.value)


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
