"""What a node remembers of connections, and how long another node's change of them stays unseen."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.service_house import House
from vault.errors import NotFound
from vault.services.accounts.connections import ConnectionRequest
from vault.services.shared import connection_cache
from vault.services.shared.connection_cache import ConnectionCache

NEW = "whsec_" + "B" * 44


def other_node(house: House) -> ConnectionCache:
    """Return what another node remembers, which is nothing yet."""
    shared = house.vault.ingest.webhooks.connection_cache
    return ConnectionCache(database=house.database, ring=shared.ring, data_keys=shared.data_keys)


async def secrets_of(node: ConnectionCache, house: House) -> Sequence[str]:
    """Return the secrets that a node takes."""
    opened = await node.get(house.connection_id)
    return [str(one["secret"]) for one in opened.credentials]


async def change(house: House) -> None:
    """Change the credentials through the first node."""
    wish = ConnectionRequest(provider="platform", credentials={"secret": NEW})
    await house.vault.accounts.connections.set(house.account.id, "main", wish, actor="key_test")


async def test_old_credentials_are_taken_until_they_are_read_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """The node that made the change knows immediately, another one when its memory has run out."""
    node = other_node(house)
    assert await secrets_of(node, house) == [house.secret]
    await change(house)
    assert await secrets_of(house.vault.ingest.webhooks.connection_cache, house) == [NEW]
    assert await secrets_of(node, house) == [house.secret]
    monkeypatch.setattr(connection_cache, "CACHE_TTL", 0.0)
    assert await secrets_of(node, house) == [NEW]


async def test_a_wrong_signature_is_a_reason_to_look_again_but_not_each_time(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """What was read a moment ago stays: a stream of wrong signatures costs one read a second, not one each."""
    node = other_node(house)
    monkeypatch.setattr(connection_cache, "_MIN_REFRESH_INTERVAL", 60.0)
    assert not node.doubt(house.connection_id)
    await secrets_of(node, house)
    await change(house)
    assert not node.doubt(house.connection_id)
    monkeypatch.setattr(connection_cache, "_MIN_REFRESH_INTERVAL", 0.01)
    await asyncio.sleep(0.02)
    assert node.doubt(house.connection_id)
    assert await secrets_of(node, house) == [NEW]


async def test_an_unknown_connection_is_not_remembered(house: House):
    """Nobody can fill the memory with names."""
    node = other_node(house)
    with pytest.raises(NotFound):
        await node.get("conn_unknown")
    assert not node.doubt("conn_unknown")
