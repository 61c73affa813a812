"""Telephone numbers: read as people write them, and the place that a prefix hints at."""

from collections.abc import Sequence
from typing import Protocol


class Numbers(Protocol):
    """What is known of numbers without asking anyone."""

    def e164(self, written: str, regions: Sequence[str] = ()) -> str:
        """Return ``+`` and digits for a number in any spelling. Raises Invalid for what is none.

        A national spelling is read in the first of the regions (``FR``) in which it is a number.
        """

    def readings(self, written: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return every E.164 number that a spelling can mean; empty for what is no number."""

    def spellings(self, number: str) -> Sequence[str]:
        """Return how an E.164 number may be written without a plus: bare, with 00, and in its own country."""

    def place(self, number: str | None) -> str | None:
        """Return where a number is likely to be: ``FR``, ``US-WA``; None where its prefix does not tell.

        A hint and no more: mobile, ported and internet numbers travel.
        """
