"""A vault whose database is lost, or older than its object store: a second house over the same objects."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.crm import NOTEBOOKS
from tests.servers.postgresql import PostgresqlServer, name_of
from tests.support.service_house import House
from vault.composition.adapters import Adapters
from vault.composition.services import build_vault
from vault.crm.registry import SYSTEMS
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.database.wrapped_keys import WrappedKeyRows
from vault.domain.recordings.recording import State
from vault.keyservice.key_ring import AccountKeyRing
from vault.settings import read_settings
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.thread_pools import Threads


async def write_all(house: House) -> None:
    """Write to the object store what the worker would: manifests, objects of accounts, tombstones, the log."""
    vault = house.vault
    for step in (vault.jobs.write_manifests, vault.jobs.write_account_objects, vault.jobs.write_tombstones):
        while await step():
            pass
    while await vault.jobs.log_publisher.sequence():
        pass
    await replace(vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await replace(vault.jobs.log_publisher, publish_interval=timedelta(0)).publish()


async def settle_journal(house: House) -> None:
    """Write everything, and let the journal delete the objects of acts that something else says too."""
    await write_all(house)
    keeper = replace(house.vault.jobs.keep_journal, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    while await keeper():
        pass


@asynccontextmanager
async def house_over(house: House, database: Database, threads: Threads) -> AsyncIterator[House]:
    """Open the same vault on another database; closed at the end."""
    parts: dict[str, Any] = {
        "database": database,
        "objects": house.objects,
        "fetcher": house.fetcher,
        "rest": house.rest,
        "outside": house.outside,
        "providers": {"platform": Platform()},
        "crm_systems": {**NOTEBOOKS, **{one.name: one for one in SYSTEMS}},
        "describer": house.describer,
        "prompt_maker": house.vault.consent.notices.prompt_maker,
        "threads": threads,
        "ring": AccountKeyRing(house.root_key, WrappedKeyRows(database)),
        "root_key": house.root_key,
        "signer": house.vault.moves.here.signer,
    }
    try:
        vault = build_vault(read_settings({}), Adapters(**parts))
        if isinstance(database, PostgresqlDatabase):
            database.history_check = None  # As before its first check, and as a restore works.
        yield replace(house, vault=vault, database=database)
    finally:
        database.close()


def copied(house: House, folder: Path) -> Path:
    """Copy the database as it is now, with its log, as a backup would."""
    folder.mkdir()
    source = house.database.path
    for name in (source.name, source.name + "-wal"):
        if (source.parent / name).exists():
            shutil.copy(source.parent / name, folder / name)
    return folder / source.name


@asynccontextmanager
async def backed_up(
    house: House, request: pytest.FixtureRequest, folder: Path, threads: Threads
) -> AsyncIterator[tuple[House, SqliteDatabase | PostgresqlDatabase]]:
    """Make a backup; yield the house, which goes on, and the database of the backup."""
    if isinstance(house.database, SqliteDatabase):
        yield house, SqliteDatabase(copied(house, folder / "old"))
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url: str = request.getfixturevalue("migrated_url")
    house.database.close()
    copy = server.new_database(template=name_of(url))
    async with house_over(house, PostgresqlDatabase(url), threads) as later:
        yield later, PostgresqlDatabase(copy)
    server.drop(copy)


@asynccontextmanager
async def empty_house(house: House, folder: Path, threads: Threads) -> AsyncIterator[House]:
    """Open the vault on a new SQLite file."""
    async with house_over(house, SqliteDatabase(folder / "new.db"), threads) as made:
        yield made


async def available(house: House, ref: str, **data: object) -> str:
    """Announce a recording and bring it through the gate."""
    recording_id = (await house.announce(ref, **data)).recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id
