"""What all JSON here has in common: moments, texts, and bodies that refuse fields they do not know."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StrictBool


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years that there are in UTC") from error


def _rfc3339(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("no control characters")
    return value


MomentIn = Annotated[AwareDatetime, AfterValidator(_utc)]
MomentOut = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
#: Only JSON's true and false: any reading of "no" would be a guess.
Flag = StrictBool
#: A name that the platform gave: of a call, or of a recording.
Ref = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]


class Body(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", strict=False)
