"""Why a recording is restricted. Its restriction is lifted when every cause may be, each by what may end it."""

from collections.abc import Iterable
from typing import Final, Literal

#: Besides the requests of persons: a party of the call said no; somebody restricted it; its retention class asks for a
#: review; a restore did not find its manifest.
Cause = Literal["caller", "callee", "agent", "admin", "review", "restore"]
CAUSES: Final[tuple[Cause, ...]] = ("caller", "callee", "agent", "admin", "review", "restore")


def requests_of(causes: Iterable[str]) -> list[str]:
    """Return the requests of persons among the causes."""
    return [cause for cause in causes if cause not in CAUSES]
