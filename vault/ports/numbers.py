"""Telephone numbers: read as people write them, and the place that a prefix hints at."""

from typing import Protocol


class Numbers(Protocol):
    """What is known of numbers without asking anyone."""

    def e164(self, written: str) -> str:
        """Return ``+`` and digits for an international number. Raises Invalid for what is none."""

    def place(self, number: str | None) -> str | None:
        """Return where a number is likely to be: ``FR``, ``US-WA``; None where its prefix does not tell.

        A hint and no more: mobile, ported and internet numbers travel.
        """
