"""The result of one rule for a recording."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """The result of one rule."""

    #: For programs; its meaning never changes.
    code: str
    #: For people; contains no personal data.
    text: str
    #: The statute or setting behind it.
    source: str | None = None
