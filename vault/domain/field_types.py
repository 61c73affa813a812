"""What the type of a field says about how it is stored: the least value of an integer, a field of later releases."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Least:
    """An integer is at least this."""

    least: int


@dataclass(frozen=True, slots=True)
class AddedLater:
    """What earlier releases wrote has no such field, and they refuse it: it is left out while it has its default."""


#: A count or version that begins at 1.
FromOne = Annotated[int, Least(1)]
#: The type of a field that a later release added to a stored object; the field has a default.
Later = Annotated[T, AddedLater()]
