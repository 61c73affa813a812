"""Normalizes BCP 47 language tags, so that they can be compared."""

import re

from vault.errors import Invalid

#: A language of two or three letters and its subtags (RFC 5646, section 2.1), without the rare forms.
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MAX_LENGTH = 35
#: A region has two letters, a script has four (RFC 5646, section 2.1.1).
_REGION, _SCRIPT = 2, 4


def language_tag(written: str) -> str:
    """Return a tag with the capitalization that RFC 5646 recommends: ``fr-CA``, ``zh-Hant-TW``.

    Raises Invalid, naming the field ``language``, if it is not a tag.
    """
    if len(written) > _MAX_LENGTH or not _TAG.fullmatch(written):
        raise Invalid("language must be a tag such as en, fr-CA or zh-Hant-TW.", field="language")
    first, *rest = written.lower().split("-")
    return "-".join([first, *(_spelled(subtag) for subtag in rest)])


def base_language(tag: str) -> str:
    """Return the language without its region and script: ``fr`` for ``fr-CA``."""
    return tag.partition("-")[0].lower()


def _spelled(subtag: str) -> str:
    if subtag.isalpha() and len(subtag) == _REGION:
        return subtag.upper()
    return subtag.title() if subtag.isalpha() and len(subtag) == _SCRIPT else subtag
