"""The events of an account, for systems that ask for them."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from vault.services.events.poll_events import EventPage
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_json
from vault.web.http.request_end import ending
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
    async with ending(request) as ended:
        page = await vault.events.poll(account_id, asked.wanted(), ended=ended)
    if asked.wait:
        # The key may have been revoked meanwhile.
        await vault.accounts.api_keys.authorize(allowed.caller.bearer, account_id)
    return answer_json(_json(page))


def _json(page: EventPage) -> bytes:
    tail = json.dumps({"next": page.through, "has_more": page.has_more})
    return b'{"items": [' + b", ".join(page.bodies) + b"], " + tail[1:].encode()
