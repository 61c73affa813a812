"""What is wrong, in the words of the page: errors that are in its language, and a form's mistake to show it again with.

What a service says is English; an error that is ``Worded`` is in the language of the page already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.errors import Forbidden, Invalid, Refused, TooLarge, VaultError
from vault.sentence import sentence_of
from vault.web.http.problems import of_error
from vault.web.http.service_texts import of_service

#: Errors that the page of the form shows. All others have a page of their own.
MISTAKES = (Invalid, Refused, TooLarge)


class Worded:
    """An error whose text is in the language of the page."""


class WordedInvalid(Invalid, Worded):
    """A form is wrong, in the language of the page."""


class WordedRefused(Refused, Worded):
    """An act is refused, in the language of the page."""


class WordedForbidden(Forbidden, Worded):
    """A scope is missing, in the language of the page."""


class WordedTooLarge(TooLarge, Worded):
    """A form is too large, in the language of the page."""


class ManyInvalid(Invalid):
    """A form is wrong in several fields; the text and the field are those of the first."""

    def __init__(self, errors: Sequence[Invalid]) -> None:
        """Store the errors, at least one."""
        first, *others = errors
        super().__init__(*first.args, field=first.field)
        self.all, self.others = tuple(errors), tuple(others)


def words_of_error(error: VaultError) -> tuple[str, bool]:
    """Return what an error says, translated where the catalogue has it, and whether it is English on another page."""
    if isinstance(error, Worded):
        return str(error), False
    found = of_service(sentence_of(error))
    return (str(error), True) if found is None else (found, False)


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and in which field; None for the form as a whole."""

    text: str
    field: str | None
    status: int
    #: Whether the text is English on a page in another language.
    is_english: bool
    #: What is wrong in other fields of the form.
    others: "tuple[Mistake, ...]" = ()
    #: False for a form that comes back for another reason.
    is_wrong: bool = True
    #: Whether the person has to confirm first who it is.
    asks_to_confirm: bool = False
    #: Whether somebody else changed it since the form was shown.
    is_outdated: bool = False

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    @property
    def all(self) -> "tuple[Mistake, ...]":
        """Return what is wrong in each field."""
        return (self, *self.others)

    def at(self, name: str) -> "Mistake | None":
        """Return what is wrong in this field, or in an entry of it."""
        return next((one for one in self.all if one.field == name or one.entry_of(name) is not None), None)

    def entry_of(self, name: str) -> int | None:
        """Return which entry of the list in this field is wrong, from 1; None if none is.

        A field of a row, such as ``roles.0.role``, is no entry of ``roles``: it has a place of its own.
        """
        head, _, number = (self.field or "").rpartition(".")
        return int(number) + 1 if head == name and number.isdecimal() else None

    def renamed(self, name: Callable[[str], str]) -> "Mistake":
        """Return it with other names of fields, as the form calls them."""
        field = None if self.field is None else name(self.field)
        return replace(self, field=field, others=tuple(one.renamed(name) for one in self.others))

    @classmethod
    def of(cls, error: VaultError) -> "Mistake":
        """Show an error of ``MISTAKES``."""
        text, is_english = words_of_error(error)
        others = tuple(cls.of(one) for one in error.others) if isinstance(error, ManyInvalid) else ()
        reasons = error.reasons if isinstance(error, Refused) else ()
        return cls(
            text,
            error.field,
            of_error(error).status_code,
            is_english,
            others,
            asks_to_confirm="verification" in reasons,
            is_outdated="changed" in reasons,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A version that somebody else set while a form was filled in, beside what the form has."""

    version: int
    at: datetime | None
    by: str | None
    #: The page of it, below the account's.
    path: str
    #: By the name of a field: what the form has, and what the newer version has.
    fields: Mapping[str, tuple[str, str]]
