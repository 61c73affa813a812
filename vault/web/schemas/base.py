"""Common types of the JSON schemas: timestamps, texts, and request bodies that refuse unknown fields."""

import unicodedata
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StrictBool

from vault.domain.calls.call import is_name
from vault.domain.page import PAGE
from vault.rfc3339 import write_rfc3339

#: Characters of Unicode's class of format (Cf) that turn or hide the text around them: overrides of direction, and the
#: marks of annotations. The others, such as joiners and marks of direction, are needed to write words and emoji.
_MISLEADING: Final = frozenset("\u202d\u202e\ufff9\ufffa\ufffb")
#: Emoji, also those of a Unicode that is newer than Python's.
_EMOJI: Final = range(0x1F000, 0x1FB00)


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be within the years 1 to 9999 in UTC") from error


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


def readable_line(value: str) -> str:
    """Return a text of one line. Raises ValueError for control characters."""
    if not _is_typed(value):
        raise ValueError("must not contain control characters")
    return value


def _is_typed(text: str) -> bool:
    """Return whether a text has only what people type or paste, such as no-break spaces and joined emoji."""
    return text.isprintable() or all(
        one.isprintable()
        or (unicodedata.category(one) in {"Zs", "Cf"} and one not in _MISLEADING)
        or ord(one) in _EMOJI
        for one in text
    )


def _not_blank(value: str) -> str:
    if not is_name(value):
        raise ValueError("must have another character than spaces")
    return value


def readable_lines(value: str) -> str:
    """Return a text of several lines. Raises ValueError for other control characters than line feeds and tabs."""
    if not _is_typed(value.replace("\n", "").replace("\t", "")):
        raise ValueError("must not contain control characters except line feeds and tabs")
    return value


def line_feeds(value: str) -> str:
    """Return a text whose lines end with a line feed alone, as REST takes it: a form sends a carriage return too."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


MomentIn = Annotated[AwareDatetime, AfterValidator(_utc)]
MomentOut = Annotated[datetime, PlainSerializer(write_rfc3339, return_type=str)]
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(readable_line)]
#: A text that may be empty and have several lines.
Words = Annotated[str, Field(max_length=1000), AfterValidator(readable_lines)]
#: Only JSON's true and false: values such as "no" are ambiguous.
Flag = StrictBool
#: The platform's id of a call or a recording.
Ref = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
#: The same where it makes one. Older ones may consist of spaces.
NewRef = Annotated[Ref, AfterValidator(_not_blank)]


class Body(BaseModel):
    """A request body or query that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=False)


Model = TypeVar("Model", bound=Body)


def patch(*, without: Collection[str] = (), **unsent: object) -> Callable[[type[Model]], type[Model]]:
    """Make a body that enters something the body that changes it: a field that is not sent stays as it is.

    ``without``: fields that never change. ``unsent``: a value for each required field, which the contract shows and
    nothing reads: what was sent is in ``model_fields_set``.
    """

    def derive(model: type[Model]) -> type[Model]:
        fields = model.__pydantic_fields__
        for name in without:
            del fields[name]
        for name, value in unsent.items():
            if value == []:
                fields[name].default_factory = list
            else:
                fields[name].default = value
        model.model_rebuild(force=True)
        return model

    return derive


class PageQuery(Body):
    """A page of a list."""

    #: The ``next_cursor`` of the previous page.
    cursor: Annotated[str, Field(max_length=300)] | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE
