"""What the player says of the ranges that were removed from the audio."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.recordings.media import clock_length
from vault.domain.recordings.removed import RemovedRange
from vault.web.http.languages import spoken_length, texts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRange:
    """A range on the page."""

    #: In seconds.
    begin: float
    end: float
    channels: tuple[int, ...]
    #: When it begins, as on the player's clock.
    clock: str
    #: Such as "Removed: card data, 13 seconds".
    text: str


def shown_ranges(ranges: Sequence[RemovedRange], language: str, *, with_reason: bool) -> list[ShownRange]:
    """Return the ranges with their words; ``with_reason``: for people of the account, who may read what was typed.

    A listener from outside reads that something was removed, and that it was card data where the vault found it.
    """
    return [_shown(one, language, with_reason=with_reason) for one in ranges]


def _shown(one: RemovedRange, language: str, *, with_reason: bool) -> ShownRange:
    texts = texts_of(language)["player"]
    found = texts["card_data"] if one.has_digits else ""
    reason = one.reason if with_reason and one.reason is not None else found
    # What is left of a second counts: a range of half a second is not one of none.
    length = spoken_length(math.ceil((one.end_ms - one.begin_ms) / 1000), language)
    said = ", ".join(filter(None, [reason, length]))
    return ShownRange(
        begin=one.begin_ms / 1000,
        end=one.end_ms / 1000,
        channels=one.channels,
        clock=clock_length(one.begin_ms / 1000),
        text=texts["removed"].format(what=said),
    )
