"""What the worker's part of one recording costs: statements, transactions and S3 requests, compared with a table.

A change of the table is seen in review.
``WRITE_COSTS=1 pytest tests/services/ingest/test_pipeline_costs.py`` writes it.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.postgresql import PostgresqlServer
from tests.support.parties import PARTIES
from tests.support.s3_store import s3_store
from tests.support.server_statements import Asked, asked, log_statements
from tests.support.service_house import House, new_house
from tests.support.telephone_audio import wav
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.recordings.recording import State
from vault.objects.s3 import PART_SIZE, S3Store
from vault.thread_pools import Threads

pytestmark = pytest.mark.postgresql
TABLE = Path(__file__).with_name("pipeline_costs.txt")
_HEAD = f"{'of one recording, in the worker':<52}{'statements':>12}{'transactions':>14}{'S3 requests':>13}"
_SMALL, _LARGE, _LARGER = 545_044, 10_000_044, 20_000_044


@dataclass
class Counted:
    """A vault on PostgreSQL and S3, and what counts its requests."""

    house: House
    url: str
    log: Path
    requests: list[str]

    async def cost(self, ref: str, size: int, **said: str) -> tuple[Asked, list[str]]:
        """Announce a recording and run the worker's steps until its manifest is there."""
        house = self.house
        # What is kept for seconds is read again by the announcement, not by one of the steps that are counted.
        house.vault.ingest.webhooks.connection_cache.forget(house.connection_id)
        recording_id = (await house.announce(ref, body=wav(size, 1), call_ref=ref, **said)).recording_id or ""
        # Beside the answer a webhook is noted at its connection, and the limits are read now and then.
        await house.vault.ingest.webhooks.activity.close()
        if (reading := house.vault.accounts.limits.limiter._refreshing) is not None:
            await reading
        self.requests.clear()
        with asked(self.url, self.log) as found:
            assert await house.vault.jobs.ingest()
            if size >= house.vault.jobs.ingest.store_from:
                assert await house.vault.jobs.describe()
        assert await house.state(recording_id) is State.AVAILABLE
        assert not await house.vault.jobs.write_manifests.any_due()
        return found, list(self.requests)


@pytest.fixture
async def counted(
    tmp_path: Path, threads: Threads, postgresql_server: PostgresqlServer, migrated_url: str, moto_url: str
) -> AsyncIterator[Counted]:
    """A vault that has brought in one recording before: its keys and connections are cached."""
    log = log_statements(migrated_url, postgresql_server.folder)
    store: S3Store = s3_store(moto_url, threads, versioned=True)
    store.part_size = PART_SIZE
    requests: list[str] = []
    store.client.meta.events.register(
        "before-send.s3", lambda request, **_: requests.append(f"{request.method} {request.url}")
    )
    database = PostgresqlDatabase(migrated_url)
    async with new_house(tmp_path, threads, database, objects=store) as house:
        made = Counted(house, migrated_url, log, requests)
        await made.cost("first", 1_044)
        yield made
    store.close()


def row(name: str, found: Asked, requests: list[str]) -> str:
    """Return a row of the table."""
    return f"{name:<52}{len(found.statements):>12}{found.transactions:>14}{len(requests):>13}"


async def test_what_one_recording_costs(counted: Counted):
    """As the table says; polls that find no more work are left out."""
    rows = [_HEAD]
    for name, size, said in (
        ("webhook of 545 KB", _SMALL, {}),
        ("webhook of 545 KB, with the numbers of its call", _SMALL, PARTIES),
        ("webhook of 10 MB", _LARGE, {}),
        ("webhook of 20 MB, stored before it is described", _LARGER, {}),
    ):
        found, requests = await counted.cost(name.replace(" ", "-"), size, **said)
        rows.append(row(name, found, requests))
        print(rows[-1], *found.statements, *requests, sep="\n    ")
    text = "\n".join(rows) + "\n"
    if os.environ.get("WRITE_COSTS"):
        TABLE.write_text(text)
    assert text == TABLE.read_text()
