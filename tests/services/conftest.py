"""Fixtures of the services: a vault on a real SQLite database, with fakes for what is outside."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.pairs import store_of
from tests.support.rights_cases import PAIRS
from tests.support.service_house import House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.thread_pools import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads that seal."""
    made = Threads("test-sealing", 2)
    yield made
    made.close()


@pytest.fixture
async def house(tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault with one account that is connected."""
    async with new_house(tmp_path, threads) as made:
        yield made


@pytest.fixture
async def either(
    tmp_path: Path, threads: Threads, database: SqliteDatabase | PostgresqlDatabase
) -> AsyncIterator[House]:
    """A vault with one account, on either database, and no worker."""
    async with new_house(tmp_path, threads, database) as made:
        yield made


@pytest.fixture(params=PAIRS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault with one account, on each pair of a database and an object store, and no worker."""
    database = request.getfixturevalue(request.param.partition("-")[0])
    with store_of(request, request.param, tmp_path, threads) as objects:
        async with new_house(tmp_path, threads, database, objects=objects) as made:
            yield made
