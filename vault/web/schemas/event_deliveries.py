"""Bodies and answers of deliveries to endpoints: what was sent, what is sent again, and tests."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from vault.database.stores.outbox.attempts import AttemptFilter
from vault.domain.outbox.attempt import Outcome, shown_answer
from vault.services.events.deliveries import Delivery
from vault.services.events.replay_events import ReplayWanted
from vault.services.events.send_test import TestEnd
from vault.web.schemas.base import Body, MomentIn, MomentOut, PageQuery

_Id = Annotated[str, Field(min_length=1, max_length=64)]
_MAX_NUMBER = 2**62


class ReplayIn(Body):
    """Which events of the last 30 days to send again: one, those of a time, or those after a number."""

    #: The id of an event.
    event: _Id | None = None
    #: Events of this time or later.
    from_: Annotated[MomentIn | None, Field(alias="from")] = None
    #: With ``from``: events before this time. Without it: until now.
    until: MomentIn | None = None
    #: Events with a greater ``sequence``.
    after: Annotated[int, Field(ge=0, le=_MAX_NUMBER)] | None = None

    def wanted(self) -> ReplayWanted:
        """Return it as the service takes it."""
        return ReplayWanted(event=self.event, since=self.from_, until=self.until, after=self.after)


class ReplayOut(BaseModel):
    """What is sent again."""

    #: Events that the endpoint receives, and that did not wait for it already.
    events: int


class EventDeliveriesQuery(PageQuery):
    """Which attempts to list."""

    #: The id of an event.
    event: _Id | None = None
    #: A type of events.
    type: _Id | None = None
    #: What an attempt showed.
    outcome: Outcome | None = None
    #: The status of the answer.
    status: Annotated[int, Field(ge=100, le=999)] | None = None

    def wanted(self) -> AttemptFilter:
        """Return it as the service takes it."""
        return AttemptFilter(message_id=self.event, type=self.type, outcome=self.outcome, status=self.status)


class EndpointTestOut(BaseModel):
    """How an attempt ended."""

    #: The id of the event.
    event: str
    outcome: Outcome
    #: The status of the answer; null without one.
    status: int | None
    #: How long it took.
    milliseconds: int
    #: Why it failed, in a sentence.
    failure: str | None
    #: The first 1,024 bytes of the answer as text.
    answer: str | None

    @classmethod
    def of_test(cls, end: TestEnd) -> Self:
        """Return the answer of a test."""
        attempt = end.attempt
        return cls(
            event=end.event_id, outcome=attempt.outcome, status=attempt.status, failure=attempt.failure,
            milliseconds=end.milliseconds, answer=shown_answer(attempt.answer) or None,
        )  # fmt: skip


class EventDeliveryOut(EndpointTestOut):
    """An attempt of the last 30 days."""

    type: str
    #: When it began.
    at: MomentOut
    #: 1 for the first attempt of the event.
    number: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the item of a list."""
        one = delivery.attempt
        return cls(
            event=one.id, type=one.type, at=one.at, number=one.number, outcome=Outcome(one.outcome),
            status=one.status, milliseconds=one.milliseconds, failure=one.failure, answer=delivery.answer,
        )  # fmt: skip


class EventDeliveriesOut(BaseModel):
    """Attempts, the newest first."""

    items: list[EventDeliveryOut]
    #: The cursor of the next page; a page may have fewer items than its limit, also none. Null: there is none.
    next_cursor: str | None
