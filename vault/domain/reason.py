"""One rule's word on a recording."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule's word on the matter."""

    #: For programs; never changes its meaning.
    code: str
    #: For people; names no party.
    text: str
    #: The statute or setting behind it.
    source: str | None = None
