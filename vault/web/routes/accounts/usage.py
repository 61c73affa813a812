"""What an account uses."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.accounts.usage import UsageOut, UsageQuery

router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])
Reading = Annotated[Access, Depends(access("recordings:read"))]


@router.get("/usage")
async def get_usage(vault: TheVault, allowed: Reading, asked: Annotated[UsageQuery, Query()]) -> UsageOut:
    """Count recordings, audio and plays by day or month: at most 400 days, or 120 months.

    A recording counts on the day on which it arrived, by what has become of it; a play on the day on which it began.
    """
    view = await vault.accounts.usage.read(
        allowed.account.id, first=asked.first, last=asked.last, step=asked.by
    )
    return UsageOut.of(view)
