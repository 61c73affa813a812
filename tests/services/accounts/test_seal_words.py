"""Words that an older release kept in clear are sealed, and leave the database and the object store."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, insert, update
from sqlalchemy.pool import NullPool

from tests.services.admission.test_quarantine import refuse
from tests.support.parties import ME, kept_apart, set_policy
from tests.support.restoring import write_all
from tests.support.service_house import LONG_AGO, House
from vault.database.engines.migrate import alembic_config, migrate_sqlite
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.consent import consent_policies, objections
from vault.database.schema.core import connections, switch_changes
from vault.database.stores.accounts.clear_texts import SEALED_WORDS
from vault.domain.reason import Reason
from vault.domain.stored.tombstone import PREFIX, decode_tombstones
from vault.errors import Unavailable

WORDS = "zqWordsInClear"
NUMBER = "+14155550199"


async def in_clear(house: House) -> None:
    """Write what an older release wrote."""
    old = {"v": 1, **house_policy(reason=WORDS, place_reason=f"{WORDS} of the place")}
    changes: list[Any] = [
        update(switch_changes).values(reason=WORDS),
        update(objections).values(reason=WORDS),
        update(connections).values(next_url=f"https://ivr.example/?{WORDS}", api_base=None),
        update(consent_policies).values(policy=old),
    ]
    for change in changes:
        await house.database.write(lambda tx, one=change: tx.connection.execute(one) and None)


def house_policy(*, reason: str, place_reason: str) -> dict[str, Any]:
    """Return a policy's JSON."""
    override = {
        "place": "*", "consent": "all", "notice_in_recording": None, "capture_before_consent": None,
        "tone_accepted": None, "refusal_route": None, "reason": place_reason, "author": "key_1",
        "at": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    return {
        "missing_evidence": "accept", "reason": reason, "withdrawal": "restrict", "mode": "none",
        "home_place": None, "quarantine_days": 30,
        "keys": {"accept": "1", "decline": "9", "object": None}, "overrides": [override],
    }  # fmt: skip


def database_in(folder: Path) -> bytes:
    """Return what is in the database's files."""
    files = list(folder.rglob("vault.db*"))
    assert files
    return b"".join(path.read_bytes() for path in files)


async def test_words_in_clear_are_sealed(house: House, tmp_path: Path):
    """They are read as before, and are in no file of the database; a second run finds nothing."""
    account_id = house.account.id
    await house.vault.accounts.switch.set(account_id, enabled=False, reason="x", **ME)
    await house.vault.consent.objections.enter(account_id, NUMBER, reason="x", **ME)
    await house.vault.jobs.encrypt_clear_texts()
    await in_clear(house)
    assert await house.vault.jobs.encrypt_clear_texts() == 2 + 1 + 1 + 2
    assert await house.vault.jobs.encrypt_clear_texts() == 0
    history = await house.vault.accounts.switch.history(account_id)
    assert {one.reason for one in history} == {WORDS}
    (objected,) = await house.vault.consent.objections.history(account_id, NUMBER)
    assert objected.objection.reason == WORDS
    policy = await house.vault.consent.policy.read(account_id)
    assert (policy.reason, policy.overrides[0].reason) == (WORDS, f"{WORDS} of the place")
    opened = house.vault.ingest.webhooks.connection_cache
    opened.forget(house.connection_id)
    assert (await opened.get(house.connection_id)).connection.next_url == f"https://ivr.example/?{WORDS}"
    assert WORDS.encode() not in database_in(tmp_path)


async def test_old_tombstones_lose_the_words_of_a_refusal(house: House):
    """The object is rewritten under its key, with the fixed sentence; a restore reads it so in any case."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    await refuse(house, recording_id)
    await write_all(house)
    (key,) = [one for one in house.objects.objects if one.startswith(PREFIX)]
    body = house.objects.objects[key].body
    clean = bytes(body)
    body[:] = clean.replace(b"An admin refused it.", f"An admin refused it: {WORDS}".encode())
    assert WORDS.encode() in house.objects.objects[key].body
    (read,) = decode_tombstones(bytes(body))
    assert read.reasons == (Reason(code="refused_by_admin", text="An admin refused it."),)
    assert await house.vault.jobs.encrypt_clear_texts() == 1
    assert bytes(house.objects.objects[key].body) == clean
    assert await house.vault.jobs.encrypt_clear_texts() == 0


def set_back(path: Path, revision: str) -> None:
    """Undo the migrations after ``revision``, the newest first."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, isolation_level=None),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        # The vault takes a checkpoint that is not its own for another file.
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0")
        connection.exec_driver_sql("DELETE FROM month_keys")  # No older schema can hold them.
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


async def test_the_migration_drops_the_words_of_past_refusals(house: House):
    """The code stays with the fixed sentence, and the tombstone is due again; other reasons stay as they are."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    await refuse(house, recording_id)
    others = {"code": "notice_missing", "text": "No notice.", "source": None}
    said = {"code": "refused_by_admin", "text": f"An admin refused it: {WORDS}", "source": None}
    await house.set(recording_id, reasons=[others, said], manifest_due=False)
    await asyncio.to_thread(set_back, house.database.path, "0004")
    await house.database.scrub()
    await asyncio.to_thread(migrate_sqlite, house.database.path)
    reasons = (await house.row(recording_id)).reasons
    assert [(one.code, one.text) for one in reasons] == [
        ("notice_missing", "No notice."), ("refused_by_admin", "An admin refused it."),
    ]  # fmt: skip
    assert await house.database.read(lambda tx: tx.inventory.manifest_due(recording_id))


def test_words_in_clear_are_found_on_postgresql(migrated_url: str):
    """The query that tells sealed words from clear ones means the same there."""
    database = PostgresqlDatabase(migrated_url)
    clear = {
        "account_id": "acct_1",
        "enabled": True,
        "epoch": 0,
        "at": LONG_AGO,
        "by": "key_1",
        "reason": WORDS,
    }
    rows = [clear, clear | {"reason": SEALED_WORDS + "AA=="}, clear | {"reason": None}]

    def look(tx: Any) -> list[str]:
        tx.connection.execute(insert(switch_changes), rows)
        found = tx.clear_texts.some()
        tx.clear_texts.replace(found[0], SEALED_WORDS + "BB==")
        return [*(one.words for one in found), *(one.words for one in tx.clear_texts.some())]

    try:
        assert asyncio.run(database.write(look)) == [WORDS]
    finally:
        database.close()


async def test_switching_off_does_not_wait_for_keys(house: House):
    """While no key can be had the switch goes off, without its reason; switching on again waits for the key."""
    house.vault.accounts.switch.data_keys.ring.forget(house.account.id)
    house.root_key.reachable = False
    after = await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=WORDS, **ME)
    assert after.enabled is False
    with pytest.raises(Unavailable):
        await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=WORDS, **ME)
    house.root_key.reachable = True
    assert (await house.vault.accounts.switch.history(house.account.id))[-1].reason is None
