"""Fixtures of a vault that runs in the process of the test; the conftest of a folder imports those that it wants."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.service_house import House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.thread_pools import Threads


@pytest.fixture
async def house(tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault on SQLite with one account that is connected."""
    async with new_house(tmp_path, threads) as made:
        yield made


@pytest.fixture
async def either(
    tmp_path: Path, threads: Threads, database: SqliteDatabase | PostgresqlDatabase
) -> AsyncIterator[House]:
    """A vault with one account, on either database, and no worker."""
    async with new_house(tmp_path, threads, database) as made:
        yield made
