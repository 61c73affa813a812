"""Metadata of calls and recordings as rows, the same on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

from tests.support.database_rows import NOW, open_account
from vault.database.interface import Database
from vault.domain.calls.metadata import MetadataRow

CALL = MetadataRow(account_id="acct_a", call_ref="c1", recording_id="", sealed="one", changed_at=NOW)
OWN = replace(CALL, recording_id="rec_1", sealed="own")
OTHER = replace(CALL, call_ref="c2", sealed="other")
FOREIGN = replace(CALL, account_id="acct_b", sealed="foreign")


async def put(database: Database, row: MetadataRow, *terms: bytes, before: MetadataRow | None = None) -> bool:
    """Write a row."""
    return await database.write(lambda tx: tx.call_metadata.put(row, terms, before=before))


async def find(database: Database, *terms: bytes, after: str = "", limit: int = 9) -> list[str]:
    """Return the calls that are found."""
    found = await database.read(lambda tx: tx.call_metadata.find("acct_a", terms, after, limit))
    return list(found)


async def test_a_row_is_replaced_only_as_it_was_read(database: Database):
    """With its terms; who read an older one is told so, and changes nothing."""
    await open_account(database)
    assert await put(database, CALL, b"a", b"b", b"b")
    assert not await put(database, replace(CALL, sealed="lost"), b"x")
    second = replace(CALL, sealed="two", changed_at=NOW + timedelta(hours=1))
    assert await put(database, second, b"b", b"c", before=CALL)
    assert not await put(database, replace(CALL, sealed="lost"), b"x", before=CALL)
    assert await database.read(lambda tx: tx.call_metadata.get("acct_a", "c1")) == second
    assert [await find(database, term) for term in (b"a", b"b", b"c", b"x")] == [[], ["c1"], ["c1"], []]


async def test_calls_are_found_by_all_terms_of_their_own(database: Database):
    """Not by those of a recording, nor of another account; in order, in pages."""
    await open_account(database)
    await put(database, CALL, b"a", b"b")
    await put(database, OTHER, b"a")
    await put(database, OWN, b"own")
    await put(database, FOREIGN, b"a", b"foreign")
    assert await find(database, b"a") == ["c1", "c2"]
    assert await find(database, b"a", b"b") == ["c1"]
    assert await find(database, b"own") == await find(database, b"foreign") == []
    assert await find(database, b"a", limit=1) == ["c1"]
    assert await find(database, b"a", after="c1") == ["c2"]


async def test_rows_of_a_page(database: Database):
    """Those of the calls and of the recordings that are named, and of nothing else."""
    await open_account(database)
    for row in (OWN, CALL, OTHER, FOREIGN, replace(OWN, recording_id="rec_2", sealed="not asked")):
        await put(database, row)
    found = await database.read(lambda tx: tx.call_metadata.of_calls("acct_a", ["c1", "c2"], ["rec_1"]))
    assert found == [CALL, OWN, OTHER]


async def test_a_restore_writes_only_what_is_newer(database: Database):
    """So the order in which manifests are read makes no difference."""
    await open_account(database)
    newer = replace(CALL, sealed="newer", changed_at=NOW + timedelta(microseconds=1))
    for row, term in ((CALL, b"a"), (newer, b"n"), (CALL, b"a")):
        await database.write(lambda tx, row=row, term=term: tx.call_metadata.restore(row, [term]))  # type: ignore[misc]
    assert await database.read(lambda tx: tx.call_metadata.get("acct_a", "c1")) == newer
    assert (await find(database, b"a"), await find(database, b"n")) == ([], ["c1"])


async def test_a_call_is_forgotten_with_its_recordings(database: Database):
    """And no other one is."""
    await open_account(database)
    for row in (CALL, OWN, OTHER, FOREIGN):
        await put(database, row, b"a")
    await database.write(lambda tx: tx.call_facts.forget_call("acct_a", "c1", held=()))
    assert await database.read(lambda tx: tx.call_metadata.of_calls("acct_a", ["c1", "c2"], ["rec_1"])) == [
        OTHER
    ]
    assert await find(database, b"a") == ["c2"]
    assert await database.read(lambda tx: tx.call_metadata.get("acct_b", "c1")) == FOREIGN
