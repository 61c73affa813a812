"""The access log of an account: who heard what, and what else was done."""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from vault.web.authority import Access, TheVault, access
from vault.web.shapes_recordings import EventOut, EventsOut

router = APIRouter(prefix="/v1/accounts/{account}", tags=["access log"])
Auditing = Annotated[Access, Depends(access("audit:read"))]


@router.get("/access-events")
async def list_access_events(
    vault: TheVault,
    allowed: Auditing,
    recording: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> EventsOut:
    """List access events, oldest first."""
    rows = await vault.list_events(allowed.account.id, recording_id=recording, after=cursor, limit=limit)
    items = [
        EventOut.of(index, event, dict(detail), base64.b64encode(event.body).decode())
        for index, event, detail in rows
    ]
    following = str(rows[-1][0]) if len(rows) == limit else None
    return EventsOut(items=items, next_cursor=following)
