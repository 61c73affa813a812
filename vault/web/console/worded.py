"""Errors whose text is in the language of the page already; what a service says is English."""

from vault.errors import Forbidden, Invalid, Refused, VaultError
from vault.web.http.languages import DEFAULT
from vault.web.http.translations import current_language, knows, translated


class Worded:
    """An error whose text is in the language of the page."""


class WordedInvalid(Invalid, Worded):
    """A form is wrong, in the language of the page."""


class WordedRefused(Refused, Worded):
    """An act is refused, in the language of the page."""


class WordedForbidden(Forbidden, Worded):
    """A scope is missing, in the language of the page."""


def words_of_error(error: VaultError) -> tuple[str, bool]:
    """Return what an error says, translated where the catalogue has it, and whether it is English on another page."""
    text = str(error)
    if isinstance(error, Worded) or current_language() == DEFAULT or knows(text):
        return translated(text), False
    return text, True
