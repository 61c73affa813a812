"""What readiness asks: each part, for what only a part that does its work can answer."""

import resource
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.fakes.objects import FakeObjects
from tests.fakes.root_key import FakeRootKey
from vault import metrics
from vault.database.engines import sqlite as engine
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import DatabaseUnfit, NotFound, StartRefused, Tampered, Unavailable
from vault.objects.owner import OWNER, claim
from vault.services.node.readiness_probe import ReadinessProbe
from vault.services.node.startup_checks import ProveRootKey

Database = SqliteDatabase | PostgresqlDatabase


async def parts_of(database: Database) -> tuple[ReadinessProbe, FakeObjects, FakeRootKey]:
    """Start a vault on this database."""
    objects, root_key = FakeObjects(), FakeRootKey()
    await claim(objects, await ProveRootKey(database=database, root_key=root_key)())
    probe = ReadinessProbe(
        database=database,
        objects=objects,
        root_key=root_key,
        owner_marker=OWNER,
        clock=lambda: datetime.now(UTC),
        database_has_clock=isinstance(database, PostgresqlDatabase),
    )
    return probe, objects, root_key


def shows(time: Callable[[], datetime]) -> Callable[[], Awaitable[datetime]]:
    """Return a clock of the object store that shows this time."""

    async def clock() -> datetime:
        return time()

    return clock


def down() -> datetime:
    """Tell no time."""
    raise Unavailable("down")


async def test_a_vault_that_has_started_is_well(database: Database):
    """None of them is in trouble."""
    probe, _, _ = await parts_of(database)
    for part in ("database", "objects", "root_key", "clock"):
        await probe.check(part)


async def test_the_schema_of_another_release_is_trouble(database: Database):
    """A newer release has migrated the database below this process, and does not let it go on."""
    probe, _, _ = await parts_of(database)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await database.write(lambda tx: tx.connection.execute(newer) and None)
    await database.write(lambda tx: tx.metadata.replace({"oldest_schema_served": b"9999"}))
    with pytest.raises(StartRefused, match="9999"):
        await probe.check("database")


async def test_a_store_without_the_marker_is_trouble(database: Database):
    """Somebody emptied it, or it is another one by now."""
    probe, objects, _ = await parts_of(database)
    del objects.objects[OWNER]
    with pytest.raises(NotFound):
        await probe.check("objects")


async def test_a_root_key_that_cannot_be_used_is_trouble(database: Database):
    """Its service does not answer, or has another key under the name."""
    probe, _, root_key = await parts_of(database)
    root_key.reachable = False
    with pytest.raises(Unavailable):
        await probe.check("root_key")
    root_key.reachable = True
    root_key.wrapped.clear()
    with pytest.raises(Tampered):
        await probe.check("root_key")


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_clock_that_is_off_is_trouble(database: Database, minutes: int):
    """Beyond what webhooks allow, in both directions; SQLite has no other clock, unless the object store has one."""
    probe, objects, _ = await parts_of(database)
    wrong = replace(probe, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    near = replace(probe, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes / 10))
    await near.check("clock")
    if isinstance(database, PostgresqlDatabase):
        with pytest.raises(Unavailable):
            await wrong.check("clock")
        assert round(metrics.CLOCK_OFFSET.collect()[0].samples[0].value / 60) == minutes
    else:
        await wrong.check("clock")
    objects.clock = shows(lambda: datetime.now(UTC))  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await wrong.check("clock")


async def test_a_node_is_right_if_one_clock_agrees(database: Database):
    """The clock of the object store may be the wrong one; one that does not answer says nothing."""
    probe, objects, _ = await parts_of(database)
    objects.clock = shows(lambda: datetime.now(UTC) - timedelta(hours=1))  # type: ignore[method-assign]
    if isinstance(database, PostgresqlDatabase):
        await probe.check("clock")
    else:
        with pytest.raises(Unavailable):
            await probe.check("clock")
    objects.clock = shows(down)  # type: ignore[method-assign]
    await probe.check("clock")


async def test_a_disk_without_room_is_trouble(sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch):
    """Before a write fails, and after one did, until a write succeeds again."""
    probe, _, _ = await parts_of(sqlite)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "MIN_FREE", 1 << 62)
        with pytest.raises(DatabaseUnfit, match="disk is full"):
            await probe.check("database")
    await probe.check("database")
    assert metrics.DISK_FREE.collect()[0].samples[0].value > 0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        with pytest.raises(Unavailable):
            await sqlite.write(lambda tx: tx.metadata.put({"a": b"x" * 10_000}))
        for _ in range(2):
            with pytest.raises(DatabaseUnfit, match="disk is full"):
                await probe.check("database")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await probe.check("database")
