"""The countries whose numbering plans an account's national numbers may use."""

import re
from collections.abc import Iterable

_REGION = re.compile(r"[A-Z]{2}")


def regions_of(locale: str, places: Iterable[str | None]) -> tuple[str, ...]:
    """Return the distinct countries in places such as ``US-CA`` and in a locale such as ``fr-CA``."""
    named = [place.partition("-")[0] for place in places if place is not None]
    # The region subtag has two letters; it follows the language and an optional script.
    named += [part.upper() for part in locale.split("-")[1:] if len(part) == 2]  # noqa: PLR2004 - see above
    return tuple(dict.fromkeys(region for region in named if _REGION.fullmatch(region)))
