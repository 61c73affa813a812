"""The events of an account, for systems that ask for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from vault.services.events.poll_events import EventPage
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.schemas.events import PolledEventsOut, PollQuery

router = APIRouter(prefix="/v1/accounts/{account}/events", tags=["events"])
Auditing = Annotated[Access, Depends(access("audit:read"))]


@router.get("", response_model=PolledEventsOut)
async def list_events(
    request: Request, vault: TheVault, allowed: Auditing, asked: Annotated[PollQuery, Query()]
) -> Response:
    """List events by their numbers, as endpoints receive them. Events are numbered from the first call on.

    With `wait` the answer comes as soon as there is an event.
    """
    account_id = allowed.account.id
    async with _ending(request) as ended:
        page = await vault.events.poll(account_id, asked.wanted(), ended=ended)
    if asked.wait:
        # The key may have been revoked meanwhile.
        await vault.accounts.api_keys.authorize(allowed.caller.bearer, account_id)
    return answer_json(_json(page))


@asynccontextmanager
async def _ending(request: Request) -> AsyncIterator["asyncio.Task[None]"]:
    """Give a task that ends when the client has gone, or the process stops."""
    task = asyncio.create_task(_end(request))
    try:
        yield task
    finally:
        task.cancel()


async def _end(request: Request) -> None:
    gone = asyncio.create_task(_gone(request))
    stopping = asyncio.create_task(request.app.state.readiness.stopping.wait())
    try:
        await asyncio.wait({gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        stopping.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(page: EventPage) -> bytes:
    tail = json.dumps({"next": page.through, "has_more": page.has_more})
    return b'{"items": [' + b", ".join(page.bodies) + b"], " + tail[1:].encode()
