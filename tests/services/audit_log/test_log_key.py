"""The key of the access log: made once, with a name that stays, and worth nothing without the root key."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.root_key import FakeRootKey
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import StartRefused, Unavailable
from vault.services.node.startup_checks import OpenLogKey, log_name
from vault.tlog.note import Signer, open_note, sign_note


@pytest.fixture
async def vault_database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """An empty database."""
    made = SqliteDatabase(tmp_path / "vault.db")
    yield made
    made.close()


async def opened(
    database: SqliteDatabase,
    root_key: FakeRootKey,
    url: str = "https://vault.example",
    vault_id: str = "vault_1",
) -> Signer:
    """Open the log's key as a starting node does."""
    return await OpenLogKey(database=database, root_key=root_key, public_url=url)(vault_id)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://vault.example", "vault.example/access-log"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000/access-log"),
        ("https://[2001:db8::1]:8443/calls", "[2001:db8::1]:8443/calls/access-log"),
        ("https://user:secret@vault.example/a+b c", "vault.example/a%2Bb%20c/access-log"),
        ("https://b\u00fccher.example", "b%C3%BCcher.example/access-log"),
    ],
)
def test_a_log_is_named_after_where_the_vault_was_reached(url: str, name: str):
    """A URL without scheme and credentials, that a note can carry."""
    assert log_name(url) == name
    signer = Signer(name=name, secret=bytes(32))
    assert open_note(sign_note("text\n", [signer]), [signer.verifier]).text == "text\n"


async def test_the_key_is_made_once_and_keeps_its_name(vault_database: SqliteDatabase):
    """Later starts, under whatever URL, open the same key; another vault has another."""
    root_key = FakeRootKey()
    first = await opened(vault_database, root_key)
    again = await opened(vault_database, root_key, "https://other.example")
    assert (first.name, first.secret) == (again.name, again.secret)
    assert first.name == "vault.example/access-log"
    assert len(first.secret) == 32
    assert repr(first) == "Signer(...)"


async def test_nodes_that_start_at_once_share_one_key(vault_database: SqliteDatabase):
    """Of ten that find none, one makes it, and all open that one."""
    root_key = FakeRootKey()
    signers = await asyncio.gather(*(opened(vault_database, root_key) for _ in range(10)))
    assert len({signer.secret for signer in signers}) == 1


async def test_the_key_does_not_lie_in_the_database(vault_database: SqliteDatabase):
    """What is kept there is wrapped, and bound to the vault."""
    root_key = FakeRootKey()
    signer = await opened(vault_database, root_key)
    await vault_database.scrub()
    assert signer.secret not in vault_database.path.read_bytes()
    with pytest.raises(StartRefused, match="key of the access log"):
        await opened(vault_database, root_key, vault_id="vault_2")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE vault_metadata SET value = zeroblob(60) WHERE name = 'log_key'",
        "UPDATE vault_metadata SET value = CAST('a b' AS BLOB) WHERE name = 'log_name'",
    ],
)
async def test_a_changed_row_refuses_to_start(vault_database: SqliteDatabase, change: str):
    """No second key is made in silence: verifiers would be told of another log."""
    root_key = FakeRootKey()
    await opened(vault_database, root_key)
    with sqlite3.connect(vault_database.path) as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(StartRefused):
        await opened(vault_database, root_key)


async def test_without_the_key_service_nothing_is_made(vault_database: SqliteDatabase):
    """A key that could not be wrapped is not kept."""
    root_key = FakeRootKey()
    root_key.reachable = False
    with pytest.raises(Unavailable):
        await opened(vault_database, root_key)
    assert await vault_database.read(lambda tx: tx.metadata.get("log_key")) is None
