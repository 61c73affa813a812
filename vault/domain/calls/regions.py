"""The country in whose numbering plan an account writes its national numbers."""

import re
from collections.abc import Iterable

_REGION = re.compile(r"[A-Z]{2}")


def regions_of(locale: str, places: Iterable[str | None]) -> tuple[str, ...]:
    """Return the countries that places such as ``US-CA`` and a locale such as ``fr-CA`` name, each once."""
    named = [place.partition("-")[0] for place in places if place is not None]
    # The subtag of a region has two letters; a language stands before it, and perhaps a script.
    named += [part.upper() for part in locale.split("-")[1:] if len(part) == 2]  # noqa: PLR2004 - see above
    return tuple(dict.fromkeys(one for one in named if _REGION.fullmatch(one)))
