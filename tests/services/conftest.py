"""Fixtures of the services: a vault on a real SQLite database, with fakes for what is outside."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.house_fixtures import either, house, node, nodes, provider  # noqa: F401 - fixtures
from tests.support.pairs import store_of
from tests.support.rights_cases import PAIRS
from tests.support.service_house import House, new_house
from vault.services.outbox import send_outbox, send_turn
from vault.thread_pools import Threads


@pytest.fixture(autouse=True)
def turns_last(monkeypatch: pytest.MonkeyPatch):
    """Let no permission to send be too old, and no lease of a message run out, because the machine was busy."""
    monkeypatch.setattr(send_turn, "VALID", 60.0)
    monkeypatch.setattr(send_outbox, "LEASE", timedelta(minutes=10))


@pytest.fixture(params=PAIRS)
async def pair(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault with one account, on each pair of a database and an object store, and no worker."""
    database = request.getfixturevalue(request.param.partition("-")[0])
    with store_of(request, request.param, tmp_path, threads) as objects:
        async with new_house(tmp_path, threads, database, objects=objects) as made:
            yield made
