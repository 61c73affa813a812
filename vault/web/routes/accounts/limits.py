"""The limits of one account."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from vault.domain.accounts.limits import MAX_LIMIT, OwnLimits
from vault.services.accounts.accounts import LimitsView
from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.base import Body

_Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)]
router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]


class LimitsIn(Body):
    """An account's own limits; null or absent: the operator's default."""

    #: Requests per second on one node, on average; a burst may have ten seconds' worth.
    requests_per_second: _Limit | None = None
    #: Bytes of uploads in progress on one node.
    bytes_in_flight: _Limit | None = None
    #: Recordings that wait for a worker.
    queue: _Limit | None = None


class LimitValuesOut(BaseModel):
    """A value for each limit."""

    requests_per_second: int
    bytes_in_flight: int
    queue: int


class OwnLimitsOut(BaseModel):
    """The limits that were set for the account; null: the operator's default."""

    requests_per_second: int | None = None
    bytes_in_flight: int | None = None
    queue: int | None = None


class LimitsOut(BaseModel):
    """An account's limits."""

    #: The limits that hold.
    limits: LimitValuesOut
    own: OwnLimitsOut
    #: The highest that can be set.
    ceiling: LimitValuesOut

    @classmethod
    def of(cls, view: LimitsView) -> "LimitsOut":
        """Show the limits."""
        return cls(
            limits=LimitValuesOut(**asdict(view.limits)),
            own=OwnLimitsOut(**asdict(view.own)),
            ceiling=LimitValuesOut(**asdict(view.ceiling)),
        )


@router.get("/limits")
async def get_limits(vault: TheVault, allowed: Reading) -> LimitsOut:
    """Show the account's limits."""
    return LimitsOut.of(await vault.accounts.limits.read(allowed.account.id))


@router.put("/limits")
async def put_limits(vault: TheVault, allowed: Setting, body: LimitsIn) -> LimitsOut:
    """Replace the account's own limits; a field that is not sent gets the operator's default.

    422: above the operator's ceiling. Other nodes apply the change within ten seconds.
    """
    own = OwnLimits(
        requests_per_second=body.requests_per_second, bytes_in_flight=body.bytes_in_flight, queue=body.queue
    )
    return LimitsOut.of(await vault.accounts.limits.set(allowed.account.id, own, actor=allowed.actor))
