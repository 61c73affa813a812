"""What readiness asks: each part, for what only a part that does its work can answer."""

import pytest
from sqlalchemy import text

from tests.fakes.objects import FakeObjects
from tests.fakes.root_key import FakeRootKey
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import NotFound, StartRefused, Tampered, Unavailable
from vault.objects.owner import OWNER, claim
from vault.services.node.readiness_probe import ReadinessProbe
from vault.services.node.startup_checks import ProveRootKey

Database = SqliteDatabase | PostgresqlDatabase


async def parts_of(database: Database) -> tuple[ReadinessProbe, FakeObjects, FakeRootKey]:
    """Start a vault on this database."""
    objects, root_key = FakeObjects(), FakeRootKey()
    await claim(objects, await ProveRootKey(database=database, root_key=root_key)())
    probe = ReadinessProbe(database=database, objects=objects, root_key=root_key, owner_marker=OWNER)
    return probe, objects, root_key


async def test_a_vault_that_has_started_is_well(database: Database):
    """None of the three is in trouble."""
    probe, _, _ = await parts_of(database)
    for part in ("database", "objects", "root_key"):
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
