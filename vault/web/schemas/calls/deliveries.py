"""JSON schemas of the delivery log of a connection."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vault.domain.calls.delivery_entry import DeliveryEntry, DeliveryFilter, Outcome
from vault.web.schemas.base import MomentIn, MomentOut, PageQuery


class DeliveryOut(BaseModel):
    """What the vault answered to a request of a connection's platform."""

    id: str
    at: MomentOut
    #: The platform's name of the event, or the stage of call instructions; null if the request was not authentic, or
    #: its name is not of letters alone.
    event: str | None
    #: The HTTP status of the answer.
    status: int
    #: The `status` of a 2xx, or `answered` for call instructions; `rejected` for a 4xx, `failed` for a 5xx.
    outcome: Outcome
    #: Why, as a code; null where the outcome says it.
    reason: str | None
    #: The sentence that the sender got.
    detail: str | None
    #: The recording that was announced; null once it is erased.
    recording: str | None
    #: Above 1: so many requests got this answer in a minute in which many did, and this entry stands for them.
    requests: int

    @classmethod
    def of(cls, entry: DeliveryEntry) -> "DeliveryOut":
        """Show an entry."""
        names = ("id", "at", "event", "status", "outcome", "reason", "detail", "requests")
        return cls(**{name: getattr(entry, name) for name in names}, recording=entry.recording_id)


class DeliveriesOut(BaseModel):
    """A page of a connection's delivery log, newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None = None


class DeliveriesQuery(PageQuery):
    """Filters of a connection's delivery log."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: How the requests ended.
    outcome: Outcome | None = None
    #: At or after this time.
    since: Annotated[MomentIn | None, Field(alias="from")] = None
    #: Before this time.
    until: Annotated[MomentIn | None, Field(alias="to")] = None

    def wanted(self) -> DeliveryFilter:
        """Return the filter."""
        return DeliveryFilter(outcome=self.outcome, since=self.since, until=self.until)
