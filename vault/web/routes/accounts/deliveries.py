"""The delivery log of a connection: what was answered to its platform."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from vault.web.http.auth import Access, TheVault, access
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.calls.deliveries import DeliveriesOut, DeliveriesQuery, DeliveryOut

router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])


@router.get("/connections/{name}/deliveries")
async def list_deliveries(
    vault: TheVault,
    allowed: Annotated[Access, Depends(access("settings:write"))],
    name: Annotated[str, Path(max_length=128)],
    asked: Annotated[DeliveriesQuery, Query()],
) -> DeliveriesOut:
    """List what was answered to the requests of a connection's platform in the last 30 days, newest first.

    An entry is written within a second of its answer. Of each kind of answer, 60 a minute have an entry of their own,
    and the others one together.
    """
    entries = await vault.ingest.deliveries.page(
        allowed.account.id, name, asked.wanted(), before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(entries, asked.limit, lambda entry: (entry.at, entry.id))
    return DeliveriesOut(items=[DeliveryOut.of(entry) for entry in entries], next_cursor=following)
