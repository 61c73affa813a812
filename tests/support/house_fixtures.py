"""Fixtures of a vault that runs in the process of the test; the conftest of a folder imports those that it wants."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.identity_provider import IdentityProvider
from tests.support.service_house import House, another_node, new_house, node_on
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
        # What was done for it is in the tree: an endpoint that is made now does not receive that.
        await made.database.write(lambda tx: tx.tree.settle())
        yield made


@pytest.fixture
def nodes(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
) -> Iterator[tuple[House, House]]:
    """Two nodes of one vault; on PostgreSQL the second has its own connections."""
    if not isinstance(either.database, PostgresqlDatabase):
        yield either, another_node(either, tmp_path / "b", threads)
        return
    database = PostgresqlDatabase(request.getfixturevalue("migrated_url"))
    try:
        yield either, node_on(either, database, tmp_path / "b", threads)
    finally:
        database.close()


@pytest.fixture
def provider() -> IdentityProvider:
    """A provider that says of everybody to be of the staff."""
    provider = IdentityProvider()
    provider.claims["groups"] = ["staff"]
    return provider


@pytest.fixture
async def node(tmp_path: Path, threads: Threads, provider: IdentityProvider) -> AsyncIterator[House]:
    """A vault that asks the provider of the test."""
    async with new_house(tmp_path, threads) as first:
        yield another_node(first, tmp_path, threads, rest=provider)
