"""What is wrong with a form, for the page that shows the form again as it was filled in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request, Response

from vault.domain.accounts.account import Scope
from vault.errors import Busy, Invalid, NotFound, Refused, TooLarge, VaultError
from vault.web.console.access import Console
from vault.web.console.forms import Form, run_once
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


async def run_or_show(
    request: Request,
    allowed: Console,
    form: Form,
    *,
    act: Callable[[], Awaitable[str]],
    show: Callable[[Mistake], Awaitable[Response]],
    reads: Scope,
    content: bytes | None = None,
) -> Response:
    """Run a form once; what is wrong with it is shown by ``show``, a page that needs the scope ``reads``."""
    try:
        return await run_once(request, allowed, form, act, content=content)
    except Busy:
        raise
    except (*MISTAKES, NotFound) as error:
        # What does not exist is a mistake in the form only if the form names it, not if the address does.
        if not allowed.allows(reads) or (isinstance(error, NotFound) and error.field is None):
            raise
        return await show(Mistake.of(error))
