"""The endpoints of an account that receive events."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.events import (
    EventEndpointIn,
    EventEndpointMadeOut,
    EventEndpointOut,
    EventEndpointPatchIn,
    EventEndpointsOut,
    EventKeyOut,
    EventKeysOut,
    EventSecretIn,
)

router = APIRouter(prefix="/v1/accounts/{account}/event-endpoints", tags=["events"])
Setting = Annotated[Access, Depends(access("settings:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
public = APIRouter(prefix="/.well-known/callvault-event-keys", tags=["events"])
EndpointId = Annotated[str, Path(max_length=64)]


@router.post("", status_code=201)
async def post_event_endpoint(
    vault: TheVault, allowed: Setting, body: EventEndpointIn
) -> EventEndpointMadeOut:
    """Make an endpoint: a URL that receives what happens from now on. Its secret is in this response alone."""
    made = await vault.events.endpoints.make(allowed.account.id, body.wanted(), actor=allowed.actor)
    return EventEndpointMadeOut.made(made)


@router.get("")
async def list_event_endpoints(vault: TheVault, allowed: Auditing) -> EventEndpointsOut:
    """List the endpoints without their secrets, the oldest first, at most 20."""
    found = await vault.events.endpoints.list(allowed.account.id)
    return EventEndpointsOut(items=[EventEndpointOut.of(view) for view in found])


@router.get("/{endpoint}")
async def get_event_endpoint(vault: TheVault, allowed: Auditing, endpoint: EndpointId) -> EventEndpointOut:
    """Show an endpoint without its secret, and how its deliveries go."""
    return EventEndpointOut.of(await vault.events.endpoints.read(allowed.account.id, endpoint))


@router.patch("/{endpoint}")
async def patch_event_endpoint(
    vault: TheVault, allowed: Setting, endpoint: EndpointId, body: EventEndpointPatchIn
) -> EventEndpointOut:
    """Change an endpoint. One that was switched off is on again; what waits is sent now."""
    view = await vault.events.endpoints.change(
        allowed.account.id, endpoint, body.wanted(), actor=allowed.actor
    )
    return EventEndpointOut.of(view)


@router.post("/{endpoint}/secret")
async def post_event_secret(
    vault: TheVault, allowed: Setting, endpoint: EndpointId, body: EventSecretIn
) -> EventEndpointMadeOut:
    """Make a new secret. Events are signed with both until the grace of the former one is over."""
    made = await vault.events.endpoints.rotate(
        allowed.account.id, endpoint, timedelta(seconds=body.grace_seconds), actor=allowed.actor
    )
    return EventEndpointMadeOut.made(made)


@router.delete("/{endpoint}", status_code=204)
async def delete_event_endpoint(vault: TheVault, allowed: Setting, endpoint: EndpointId) -> None:
    """Delete an endpoint, and what was still to be sent."""
    await vault.events.endpoints.delete(allowed.account.id, endpoint, actor=allowed.actor)


@public.get("/{endpoint}")
async def get_event_keys(vault: TheVault, endpoint: EndpointId) -> EventKeysOut:
    """Return the public keys of an endpoint, by which anybody verifies the events that it got."""
    keys = await vault.events.endpoints.public_keys(endpoint)
    return EventKeysOut(keys=[EventKeyOut(key=one.key, since=one.since, until=one.until) for one in keys])
