"""JSON schemas of an account's limits."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.accounts.limits import MAX_LIMIT
from vault.services.accounts.limits import LimitsView
from vault.web.schemas.base import Body

_Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)]


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
