"""Restoring on PostgreSQL, where events wait in an outbox before they come into the tree."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.servers.postgresql import PostgresqlServer, name_of
from tests.services.audit_log.test_access_log import leaves_of
from tests.services.backup.test_restore import erased, off, switch_of
from tests.services.backup.test_restore_forked import check_joined, common, parted
from tests.support.restoring import available, house_over, write_all
from tests.support.service_house import AUDIO, House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.recordings.recording import State
from vault.errors import Refused
from vault.services.audit_log.access_log import EventFilter
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads


@pytest.fixture
async def house(tmp_path: Path, threads: Threads, postgresql: PostgresqlDatabase) -> AsyncIterator[House]:
    """A vault on PostgreSQL with one account that is connected."""
    async with new_house(tmp_path, threads, postgresql) as made:
        yield made


@pytest.fixture
def empty(postgresql_server: PostgresqlServer, migrated: str) -> Iterator[PostgresqlDatabase]:
    """Another database, with the schema and no row."""
    url = postgresql_server.new_database(template=migrated)
    yield PostgresqlDatabase(url)
    postgresql_server.drop(url)


async def test_an_empty_database_becomes_the_vaults(
    house: House, threads: Threads, empty: PostgresqlDatabase
):
    """What passed the gate plays, what was erased stays so, the log is the same and goes on."""
    heard, gone = await available(house, "rec-1"), await erased(house, "rec-2")
    await off(house)
    await write_all(house)
    async with house_over(house, empty, threads) as new:
        assert await new.vault.node.recovery.check()
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        while await new.vault.jobs.log_publisher.sequence():
            pass
        assert not await new.vault.node.recovery.check()
        assert (await leaves_of(new))[:-1] == await leaves_of(house)
        assert await new.heard(heard) == AUDIO
        assert await new.state(gone) is State.ERASED
        assert await switch_of(new) == await switch_of(house)
        await write_all(new)
        assert not await new.vault.node.recovery.check()


async def test_events_that_waited_in_an_old_copy_come_in_once(
    house: House, threads: Threads, migrated_url: str, postgresql_server: PostgresqlServer
):
    """They are in the published log by now: they keep their sealed detail, and stand where they stand there."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=1)
    await house.vault.playback.links.create(house.account.id, recording_id, wish, actor="key_test")
    house.database.close()
    old = PostgresqlDatabase(postgresql_server.new_database(template=name_of(migrated_url)))
    async with house_over(house, PostgresqlDatabase(migrated_url), threads) as later:
        assert await old.read(lambda tx: tx.tree.waiting()) > 0
        await later.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
        assert await later.settle(recording_id) is State.ERASED
        await write_all(later)
        leaves = await leaves_of(later)
    async with house_over(house, old, threads) as new:
        assert await new.vault.node.recovery.check()
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert report.counts["own"] == 0
        assert await old.read(lambda tx: tx.tree.waiting()) == 0
        while await new.vault.jobs.log_publisher.sequence():
            pass
        assert (await leaves_of(new))[: len(leaves)] == leaves
        page = await new.vault.audit_log.access_log.list_events(
            new.account.id, EventFilter(), start=0, limit=100
        )
        assert [detail for _, detail in page.items if detail] == [{"listener": "Ada"}]
        await new.settle(recording_id)
        assert await new.state(recording_id) is State.ERASED


async def test_a_promoted_copy_that_went_on_is_joined(
    house: House, threads: Threads, migrated_url: str, postgresql_server: PostgresqlServer
):
    """Its own events, those that waited among them, follow the anchored ones, and nothing of either is lost."""
    ids = await common(house)
    house.database.close()
    old = PostgresqlDatabase(postgresql_server.new_database(template=name_of(migrated_url)))
    async with (
        house_over(house, PostgresqlDatabase(migrated_url), threads) as later,
        house_over(house, old, threads) as new,
    ):
        await parted(later, new, ids)
        while await new.vault.jobs.log_publisher.sequence():
            pass
        own = await leaves_of(new)
        # One that waits for its place is not lost either.
        await new.vault.accounts.api_keys.issue(name="waits", scopes=["*"], account_id=None, actor="operator")
        assert await old.read(lambda tx: tx.tree.waiting()) == 1
        assert await new.vault.node.recovery.check()
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        await check_joined(later, new, ids, own)
        assert not await new.vault.node.recovery.check()
        with pytest.raises(Refused):
            await new.vault.backup.restore(actor="operator")
