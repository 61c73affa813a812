"""The limits of one account."""

from typing import Annotated

from fastapi import APIRouter, Depends

from vault.domain.accounts.limits import OwnLimits
from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.accounts.limits import LimitsIn, LimitsOut

router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]


@router.get("/limits")
async def get_limits(vault: TheVault, allowed: Reading) -> LimitsOut:
    """Show the account's limits."""
    return LimitsOut.of(await vault.limits.read(allowed.account.id))


@router.put("/limits")
async def put_limits(vault: TheVault, allowed: Setting, body: LimitsIn) -> LimitsOut:
    """Replace the account's own limits; a field that is not sent gets the operator's default.

    422: above the operator's ceiling. Other nodes apply the change within ten seconds.
    """
    own = OwnLimits(
        requests_per_second=body.requests_per_second, bytes_in_flight=body.bytes_in_flight, queue=body.queue
    )
    return LimitsOut.of(await vault.limits.set(allowed.account.id, own, actor=allowed.actor))
