"""Texts as people compare them: capitals, forms of Unicode and spaces make no difference."""

import unicodedata


def folded(text: str) -> str:
    """Return what is equal for texts that read alike: NFKC (Unicode Annex 15), case folded, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
