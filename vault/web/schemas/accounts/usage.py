"""The schemas of what an account uses."""

from datetime import date
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vault.domain.accounts.usage import PLAY, Step, UsagePeriod
from vault.rfc3339 import parse_day
from vault.services.accounts.usage import UsageView
from vault.web.schemas.base import Body

_YEARS: Final = range(2000, 2101)


def _day(text: object) -> date:
    try:
        day = parse_day(str(text))
    except ValueError as error:
        raise ValueError("must be a day, such as 2026-01-31") from error
    if day.year not in _YEARS:
        raise ValueError("must be within the years 2000 to 2100")
    return day


DayIn = Annotated[date, BeforeValidator(_day)]


class UsageQuery(Body):
    """The time that is shown."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    #: The first day, in UTC; else 30 days or 12 months are shown.
    first: Annotated[DayIn | None, Field(alias="from")] = None
    #: The last day; else today.
    last: Annotated[DayIn | None, Field(alias="to")] = None
    #: What each period is.
    by: Step = "day"


class OutcomesOut(BaseModel):
    """Recordings by what became of them until now."""

    available: int
    quarantined: int
    refused: int
    failed: int
    #: On their way.
    waiting: int
    erased: int


class ReasonsOut(BaseModel):
    """How many recordings have which code as the first of their reasons."""

    quarantined: dict[str, int]
    refused: dict[str, int]
    failed: dict[str, int]


class UsagePeriodOut(BaseModel):
    """What was counted of a day, of a month, or of the whole time."""

    #: The first day, in UTC.
    start: date
    #: Recordings that arrived, whatever became of them.
    recordings: int
    outcomes: OutcomesOut
    reasons: ReasonsOut
    #: Length of the audio that the account has of these recordings.
    seconds: float
    #: Its size as it is stored, encrypted.
    bytes: int
    #: Sessions in which somebody opened a recording.
    plays: int

    @classmethod
    def of(cls, period: UsagePeriod) -> "UsagePeriodOut":
        """Show a period."""
        return cls(
            start=period.start,
            recordings=period.recordings,
            outcomes=OutcomesOut(
                available=period.number("available"),
                quarantined=period.number("quarantined"),
                refused=period.number("refused"),
                failed=period.number("failed"),
                waiting=period.number("waiting"),
                erased=period.number("erased"),
            ),
            reasons=ReasonsOut(
                quarantined=dict(period.reasons("quarantined")),
                refused=dict(period.reasons("refused")),
                failed=dict(period.reasons("failed")),
            ),
            seconds=period.milliseconds / 1000,
            bytes=period.bytes,
            plays=period.number(PLAY),
        )


class UsageOut(BaseModel):
    """What an account uses."""

    #: The whole time together.
    total: UsagePeriodOut
    #: Each day or month, in order.
    periods: list[UsagePeriodOut]

    @classmethod
    def of(cls, view: UsageView) -> "UsageOut":
        """Show what was counted."""
        return cls(
            total=UsagePeriodOut.of(view.total), periods=[UsagePeriodOut.of(one) for one in view.periods]
        )
