"""Texts as people compare them: capitals, forms of Unicode and spaces make no difference."""

import unicodedata


def without_marks(text: str) -> str:
    """Return a folded text without accents and other marks (NFKD): for what finds a part of it."""
    parts = unicodedata.normalize("NFKD", folded(text))
    return "".join(one for one in parts if not unicodedata.combining(one))


def folded(text: str) -> str:
    """Return what is equal for texts that read alike: NFKC (Unicode Annex 15), case folded, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
