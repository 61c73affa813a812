"""The ranges of a recording that were removed, as its evidence says, for those who listen to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRange:
    """A range that became silence, in milliseconds from the beginning of the recording."""

    begin_ms: int
    end_ms: int
    #: From 0.
    channels: tuple[int, ...]
    #: As somebody typed it: for people of the account, not for every listener. None: a policy removed it.
    reason: str | None
    #: Whether keyed digits were found there, so that it was card data, whatever the reason says.
    has_digits: bool


def removed_ranges(contents: Sequence[Mapping[str, Any]]) -> tuple[RemovedRange, ...]:
    """Return what the entries of a recording's evidence say that was removed, in order, each range once.

    A range that was removed again is named by the reason of the first time.
    """
    found = dict[tuple[int, int, tuple[int, ...]], RemovedRange]()
    for content in contents:
        if content["kind"] != "redaction":
            continue
        for span in content["spans"]:
            place = (span["begin_ms"], span["end_ms"], tuple(span["channels"]))
            removed = RemovedRange(
                begin_ms=place[0],
                end_ms=place[1],
                channels=place[2],
                reason=None if "policy" in content else content["reason"],
                has_digits="detector" in content,
            )
            found.setdefault(place, removed)
    return tuple(found[place] for place in sorted(found))
