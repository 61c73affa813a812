"""A sentence that keeps apart what was filled in: REST shows it in English, a page says the same in its language."""

from collections.abc import Mapping
from typing import Self


class Sentence(str):
    """An English sentence, with its template and what fills its holes."""

    __slots__ = ("template", "values")
    template: str
    #: By the name of the hole, such as ``number`` of ``%(number)s``.
    values: Mapping[str, str]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Fill in the holes of a template."""
        texts = {name: str(value) for name, value in values.items()}
        made = super().__new__(cls, template % texts)
        made.template, made.values = template, texts
        return made


def sentence_of(error: Exception) -> str:
    """Return what an error says: a ``Sentence`` if something was filled in that a page needs apart."""
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, Sentence) else str(error)
