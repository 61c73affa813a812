"""Endpoints of a house, and what their receivers got."""

import json
from typing import Any

from tests.support.outbox import send_due
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.events.event_types import OUTWARD_TYPES
from vault.domain.recordings.recording import State
from vault.services.events.endpoints import EndpointChange, MadeEndpoint

ME: Any = {"actor": "key_test"}
A, B = "https://a.example/hook", "https://b.example/hook"


async def endpoint(
    house: House, url: str = A, types: list[str] | None = None, *, ed25519: bool = False
) -> MadeEndpoint:
    """Make an endpoint."""
    wanted = EndpointChange(url=url, types=types or ["*"], ed25519=ed25519)
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


async def tell_every_type(house: House, recording_id: str) -> None:
    """Append to the log, for each type, an entry that causes its example; about this recording where it has one."""

    def append(tx: Transaction) -> None:
        for name, kind in OUTWARD_TYPES.items():
            example = {**kind.example, **({"recording": recording_id} if "recording" in kind.data else {})}
            fields: Any = {source: example[field] for field, source in kind.data.items()}
            event = AccessEvent(
                type=name, at=tx.now(), account_id=house.account.id, **{"actor": "worker", **fields}
            )
            # As a leaf: nothing is closed.
            tx.events.append_leaf(event.body)

    await house.database.write(append)
