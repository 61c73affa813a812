"""What is wrong with a form, for the page that shows the form again as it was filled in."""

from dataclasses import dataclass

from vault.errors import Invalid, Refused, TooLarge, VaultError
from vault.web.console.worded import words_of_error
from vault.web.http.problems import of_error

#: Errors that the page of the form shows. All others have a page of their own.
MISTAKES = (Invalid, Refused, TooLarge)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and in which field; None for the form as a whole."""

    text: str
    field: str | None
    status: int
    #: Whether the text is English on a page in another language.
    is_english: bool

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def is_of(self, name: str) -> bool:
        """Return whether it is in this field, or in an entry of it."""
        return self.field == name or self.entry_of(name) is not None

    def entry_of(self, name: str) -> int | None:
        """Return which entry of the list in this field is wrong, from 1; None if none is."""
        path = (self.field or "").split(".")
        return int(path[1]) + 1 if len(path) > 1 and path[0] == name and path[1].isdecimal() else None

    @classmethod
    def of(cls, error: VaultError) -> "Mistake":
        """Show an error of ``MISTAKES``."""
        text, is_english = words_of_error(error)
        return cls(text, error.field, of_error(error).status_code, is_english)
