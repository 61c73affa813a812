"""Telephone numbers: parsing of common spellings, and the place that a prefix suggests."""

from collections.abc import Sequence
from typing import Protocol

from vault.domain.crm.handover import NumberForms


class Numbers(Protocol):
    """Offline numbering plan data."""

    def e164(self, written: str, regions: Sequence[str] = ()) -> str:
        """Return a number of any spelling in E.164. Raises Invalid if it is not a number.

        A national spelling is parsed in the first of the regions (``FR``) in which it is a number.
        """

    def readings(self, written: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return every E.164 number that a spelling can mean; empty if it is not a number."""

    def has_extension(self, written: str) -> bool:
        """Return whether a spelling names one of several lines behind a number, such as ``+33123456789;ext=12``.

        The other methods read the number alone.
        """

    def spellings(self, number: str) -> Sequence[str]:
        """Return an E.164 number's spellings without a plus: bare, with 00, and national."""

    def forms(self, number: str) -> NumberForms | None:
        """Return the forms in which other systems store an E.164 number; None where no numbering plan has it."""

    def confusable(self, number: str, regions: Sequence[str] = ()) -> frozenset[str]:
        """Return the other E.164 numbers that a spelling of this one can mean, in the numbering plan of any country.

        Bare digits that are hardly ever an international number are read as one only for the account's ``regions``.
        It takes some 20 ms: call it in a thread.
        """

    def place(self, number: str | None) -> str | None:
        """Return a number's likely place: ``FR``, ``US-WA``; None where its prefix does not determine one.

        Only a hint: mobile, ported and internet numbers are used elsewhere, too.
        """
