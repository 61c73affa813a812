"""Versions of account keys in the database: nothing comes under one that has gone, and it is known what is left."""

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tests.support.counts import count
from tests.support.database_rows import (
    NOW,
    account,
    announcement,
    available,
    claim,
    columns,
    link,
    move,
    open_account,
)
from tests.support.stored_account import MONTH_KEY, WHOLE, having
from vault.database.account_object import differences
from vault.database.account_parts.keys import KEYS
from vault.database.account_parts.part import StoredPrompt
from vault.database.interface import Database
from vault.database.stores.accounts.accounts import WrappedSecret
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.consent.consent import ConsentRow
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.stores.key_rotation.sealed_columns import SEALED_KINDS, SealedRow
from vault.domain.accounts.account import Connection
from vault.domain.accounts.account_keys import KeyRotation
from vault.domain.consent.consent_event import Objection
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound

ROTATION = KeyRotation(
    account_id="acct_a", version=1, begun_at=NOW, begun_by="key_1", rewrapped=0, settled_at=None,
    destroyed_at=None, statement=None,
)  # fmt: skip
FACT = CallFactRow(
    id="fact_1", account_id="acct_a", call_ref="call-1", delivery="d1", at=NOW, started_at=None,
    ended_at=None, sealed_facts=b"facts", key_version=1,
)  # fmt: skip
TOLD = ConsentRow(
    id="told_1", account_id="acct_a", call_ref="call-1", heard_at=NOW, sealed_event=b"event", key_version=1
)
OBJECTION = ObjectionRow(
    id="obj_1", account_id="acct_a", term=b"term", sealed_number=b"number", key_version=1,
    objection=Objection(since=NOW, until=None, reason=None, by="key_1"),
)  # fmt: skip
CONNECTION = Connection(
    id="conn_1", account_id="acct_a", name="main", provider="platform", sealed_credentials=b"secret",
    key_version=1, api_base=None, delete_at_source=False, delete_refused=False, collect_from=NOW,
    next_url=None, pause_refused=False,
)  # fmt: skip
WRITERS = {
    "call facts": lambda tx: tx.call_facts.add(FACT),
    "consent": lambda tx: tx.consents.add(TOLD),
    "objection": lambda tx: tx.objections.add(OBJECTION),
    "connection": lambda tx: tx.connections.put(CONNECTION),
    "link": lambda tx: tx.links.insert(link("rec_1"), b"token"),
    "detail key": lambda tx: tx.rotations.add_detail_key(
        "acct_a", 1, WrappedSecret(wrapped=b"detail", key_version=1)
    ),
}


async def begin(database: Database) -> None:
    """Add version 2 as the verb does."""

    def change(tx: Any) -> None:
        tx.lock_account("acct_a", exclusive=True)
        tx.rotations.begin(ROTATION, wrapped_key=b"wrapped 2")

    await database.write(change)


@pytest.mark.parametrize("writer", WRITERS)
async def test_nothing_comes_under_a_version_that_is_not_current(database: Database, writer: str):
    """Each writer of sealed rows is refused once the next version is there, and leaves nothing."""
    await open_account(database)
    await begin(database)
    with pytest.raises(KeyRetired):
        await database.write(WRITERS[writer])
    remaining = await database.read(lambda tx: tx.rotations.remaining("acct_a", 1))
    assert {kind for kind, count in remaining.items() if count} == {"index_key"}


async def test_a_recording_stores_no_key_of_a_version_that_is_not_current(database: Database):
    """Neither an announcement nor a recording key comes under it; in a group, the others stand."""
    await open_account(database)
    await open_account(database, "acct_b")
    await database.announce(announcement("before"))
    held = await claim(database)
    await begin(database)
    answers = await asyncio.gather(
        database.announce(announcement("retired")),
        database.announce(announcement("current", key_version=2)),
        database.announce(announcement("other", "acct_b")),
        return_exceptions=True,
    )
    assert isinstance(answers[0], KeyRetired)
    assert [one.state for one in answers[1:]] == [State.RECEIVED, State.RECEIVED]  # type: ignore[union-attr]
    sealed: dict[str, Any] = {"wrapped_key": b"key", "evidence": "digest"}
    with pytest.raises(KeyRetired):
        await database.write(lambda tx: move(tx, held, State.STORED, key_version=1, **sealed))
    await database.write(lambda tx: move(tx, held, State.STORED, key_version=2, **sealed))


async def test_a_version_is_added_once(database: Database):
    """Of two requests that saw the same version, one adds the next, and the other is told to look again."""
    await open_account(database)
    answers = await asyncio.gather(begin(database), begin(database), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["KeyRetired", "NoneType"]
    assert await database.read(lambda tx: tx.accounts.current_key_version("acct_a")) == 2
    assert await database.read(lambda tx: tx.rotations.of_account("acct_a")) == [ROTATION]
    assert await database.read(lambda tx: tx.rotations.unfinished(9)) == [ROTATION]
    assert await database.read(lambda tx: tx.rotations.unfinished(9, account_id="acct_b")) == []


async def test_a_replaced_key_makes_the_manifest_due(database: Database):
    """Rows that are what they were are replaced and counted; a manifest of before counts until it is written."""
    await open_account(database)
    recording = await available(database)
    await database.write(lambda tx: tx.queue.manifest_written(recording.id, 1))
    await begin(database)
    (row,) = await database.read(lambda tx: tx.rotations.under("recording_key", "acct_a", 1, limit=9))
    assert row == SealedRow(name=recording.id, sealed=b"key", at=recording.received_at)
    assert (
        await database.read(
            lambda tx: tx.rotations.under("recording_key", "acct_a", 1, but=[recording.id], limit=9)
        )
        == []
    )
    pairs = [(row, b"new"), (SealedRow(name="rec_x", sealed=b"key"), b"x")]
    stale = [(SealedRow(name=recording.id, sealed=b"stale"), b"y")]
    for rows, changed in ((stale, 0), (pairs, 1), (pairs, 0)):
        assert changed == await database.write(
            lambda tx, r=rows: tx.rotations.replace(
                "recording_key", ROTATION, r, version=2, month_key="month"
            )
        )
    kept = await columns(database, recording.id)
    assert (kept["wrapped_key"], kept["key_version"], kept["month_key"]) == (b"new", 2, "month")
    assert kept["manifest_due"]
    remaining = await database.read(lambda tx: tx.rotations.remaining("acct_a", 1))
    assert {kind: count for kind, count in remaining.items() if count} == {
        "index_key": 1, "announcement": 1, "manifest": 1,
    }  # fmt: skip
    assert await database.read(lambda tx: tx.rotations.manifests_behind(9)) == 1
    await database.write(lambda tx: tx.queue.manifest_written(recording.id, 2))
    assert (await database.read(lambda tx: tx.rotations.remaining("acct_a", 1)))["manifest"] == 0
    (rotation,) = await database.read(lambda tx: tx.rotations.of_account("acct_a"))
    assert rotation.rewrapped == 1


async def test_a_value_of_the_account_object_makes_it_due(database: Database):
    """Whatever kind is wrapped again: the object is due if it has the former value, and else it is not."""
    prompts = {"ntc_1": StoredPrompt(message=b"audio", key_version=20)}
    months = (replace(MONTH_KEY, key_version=20),)
    stored = having(WHOLE, {KEYS: replace(WHOLE[KEYS], month_keys=months)})
    await database.write(lambda tx: tx.restore.account(stored, prompts))
    account_id, kinds = WHOLE.account.id, set[str]()
    for kind, version in product(SEALED_KINDS, (1, 2, 20)):
        rows = await database.read(
            lambda tx, k=kind, v=version: tx.rotations.under(k, account_id, v, limit=9)
        )
        before = await database.read(lambda tx: tx.account_objects.read(account_id))
        rotation = replace(ROTATION, account_id=account_id, version=version)
        pairs = [(row, b"new") for row in rows]
        if not pairs:
            continue
        await database.write(
            lambda tx, k=kind, r=rotation, p=pairs: tx.rotations.replace(k, r, p, version=21)
        )
        after = await database.read(lambda tx: tx.account_objects.read(account_id))
        assert (after.revision > before.revision) == bool(differences(before, after)), kind
        kinds.add(kind)
    assert kinds == {
        "month_key", "index_key", "detail_key", "credentials", "objection", "prompt", "request", "register_entry",
    }  # fmt: skip


async def test_a_destroyed_version_is_gone(database: Database):
    """Its wrapped key is no longer there, the statement is, and the other versions and accounts stay."""
    await open_account(database)
    await open_account(database, "acct_b")
    await begin(database)
    await database.write(lambda tx: tx.rotations.destroy(ROTATION, at=NOW, statement=b"note"))
    keys = [("acct_a", 2), ("acct_b", 1)]
    assert [await database.read(lambda tx, k=key: tx.accounts.wrapped_key(*k)) for key in keys] == [
        b"wrapped 2",
        b"wrapped",
    ]
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.accounts.wrapped_key("acct_a", 1))
    (gone,) = await database.read(lambda tx: tx.rotations.of_account("acct_a"))
    assert (gone.destroyed_at, gone.statement) == (NOW, b"note")
    assert await database.read(lambda tx: tx.rotations.unfinished(9)) == []


@pytest.mark.faults
async def test_no_writer_slips_under_a_rotation(database: Database):
    """Writers race a rotation: what was written under the old version was there when it committed."""
    for number in range(count("writers that race a rotation", small=10, full=100)):
        account_id = f"acct_{number:04}"
        opened = account(account_id)
        await database.write(
            lambda tx, o=opened: tx.accounts.insert(o, wrapped_key=b"w", wrapped_index_key=b"i")
        )

        def write(tx: Any, n: int, account_id: str = account_id) -> None:
            tx.lock_account(account_id)
            fact = {name: getattr(FACT, name) for name in CallFactRow.__slots__}
            changed = {"id": f"{account_id}-{n}", "account_id": account_id, "delivery": f"{n}"}
            tx.call_facts.add(CallFactRow(**fact | changed))

        def rotate(tx: Any, account_id: str = account_id) -> int:
            tx.lock_account(account_id, exclusive=True)
            values = {name: getattr(ROTATION, name) for name in KeyRotation.__slots__}
            tx.rotations.begin(KeyRotation(**values | {"account_id": account_id}), wrapped_key=b"w2")
            return tx.rotations.remaining(account_id, 1)["call_fact"]

        jobs: list[Any] = [database.write(lambda tx, n=n: write(tx, n)) for n in range(12)]
        jobs.insert(6, database.write(rotate))
        seen = (await asyncio.gather(*jobs, return_exceptions=True))[6]
        after = await database.read(lambda tx, a=account_id: tx.rotations.remaining(a, 1)["call_fact"])
        assert after == seen
