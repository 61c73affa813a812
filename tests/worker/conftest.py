"""Fixtures of the worker: a vault on either database, with fakes for what is outside."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house_fixtures import either, house  # noqa: F401 - fixtures
from tests.support.service_house import House, new_house, node_on
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.thread_pools import Threads


@pytest.fixture
async def on_postgresql(
    tmp_path: Path, threads: Threads, postgresql: PostgresqlDatabase
) -> AsyncIterator[House]:
    """A vault on PostgreSQL with one account, and no worker."""
    async with new_house(tmp_path, threads, postgresql) as made:
        yield made


@pytest.fixture
def node(on_postgresql: House, other_node: PostgresqlDatabase, tmp_path: Path, threads: Threads) -> House:
    """Another process of ``on_postgresql``, with connections of its own."""
    return node_on(on_postgresql, other_node, tmp_path, threads)
