"""Endpoints of a house, and what their receivers got."""

import json
from typing import Any

from tests.support.outbox import send_due
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.services.events.endpoints import EndpointChange, MadeEndpoint

ME: Any = {"actor": "key_test"}
A, B = "https://a.example/hook", "https://b.example/hook"


async def endpoint(house: House, url: str = A, types: list[str] | None = None) -> MadeEndpoint:
    """Make an endpoint."""
    wanted = EndpointChange(url=url, types=types or ["*"])
    return await house.vault.events.endpoints.make(house.account.id, wanted, **ME)


async def publish(house: House) -> None:
    """Let the log be read to its end, as the workers do."""
    await house.database.write(lambda tx: tx.tree.settle())
    while await house.vault.jobs.publish_events():
        pass


async def told(house: House, url: str = A) -> list[dict[str, Any]]:
    """Publish and send; return the bodies that the receiver has until now."""
    await publish(house)
    await send_due(house)
    return bodies(house, url)


def bodies(house: House, url: str = A) -> list[dict[str, Any]]:
    """Return what a receiver got, by its numbers."""
    found = [json.loads(one.body) for one in house.outside.sent if one.url == url]
    return sorted(found, key=lambda one: one["sequence"])


async def available(house: House, ref: str = "rec-1") -> str:
    """Return a recording that can be played."""
    recording_id = (await house.announce(ref, call_ref=f"call of {ref}")).recording_id or ""
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def erased(house: House, recording_id: str) -> None:
    """Erase a recording to the end."""
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert await house.settle(recording_id) is State.ERASED
