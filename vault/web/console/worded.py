"""Errors whose text is in the language of the page already; what a service says is English."""

from vault.errors import Forbidden, Invalid, Refused, VaultError
from vault.sentence import sentence_of
from vault.web.http.service_texts import of_service


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
    if isinstance(error, Worded):
        return str(error), False
    found = of_service(sentence_of(error))
    return (str(error), True) if found is None else (found, False)
