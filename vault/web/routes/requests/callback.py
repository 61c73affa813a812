"""The callback of an account: one URL that receives each change of a request of a person."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.base import Body, MomentOut

router = APIRouter(prefix="/v1/accounts/{account}/request-callback", tags=["requests of people"])
Guarding = Annotated[Access, Depends(access("privacy:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]


class CallbackIn(Body):
    """Where to tell of requests."""

    #: An https URL. The vault reaches no address inside its own network.
    url: Annotated[str, Field(min_length=1, max_length=500)]


class CallbackMadeOut(BaseModel):
    """A callback that was just set."""

    url: str
    #: Signs each delivery (Standard Webhooks). It is in this response alone.
    secret: str


class CallbackOut(BaseModel):
    """The callback of an account."""

    url: str
    set_at: MomentOut
    #: Deliveries that are still to be made.
    waiting: int
    #: When a delivery was accepted last.
    delivered_at: MomentOut | None = None
    #: When a try failed last, and why.
    failed_at: MomentOut | None = None
    failure: str | None = None


@router.put("")
async def put_request_callback(vault: TheVault, allowed: Guarding, body: CallbackIn) -> CallbackMadeOut:
    """Set the URL that receives each change of a request. Each PUT makes a new secret."""
    made = await vault.requests.callbacks.set(allowed.account.id, body.url, actor=allowed.actor)
    return CallbackMadeOut(url=made.url, secret=made.secret)


@router.get("")
async def get_request_callback(vault: TheVault, allowed: Auditing) -> CallbackOut:
    """Show the callback without its secret, and how its deliveries end. 404 if none is set."""
    view = await vault.requests.callbacks.read(allowed.account.id)
    return CallbackOut(url=view.url, set_at=view.set_at, **asdict(view.deliveries))


@router.delete("", status_code=204)
async def delete_request_callback(vault: TheVault, allowed: Guarding) -> None:
    """Delete the callback, and what was still to be told."""
    await vault.requests.callbacks.delete(allowed.account.id, actor=allowed.actor)
