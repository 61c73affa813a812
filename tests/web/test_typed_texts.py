"""Texts that people type: what writing needs is taken, and what turns or hides the text around it is not."""

import pytest
from pydantic import TypeAdapter, ValidationError

from vault.web.schemas.base import Ref, Text, Words

#: What people type and paste, and whether a name and the words of several lines take it.
TYPED = {
    "no-break spaces": ("« Rappeler »".replace(" ", "\xa0"), True),
    "thin no-break spaces": ("10\u202f000\u202f€", True),
    "an ideographic space": ("山田\u3000太郎", True),
    "a family": ("👨\u200d👩\u200d👧", True),
    "a flag of a region": ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", True),
    "an emoji newer than Python": ("\U0001faff", True),
    "a joiner of Persian": ("ب\u200cت", True),
    "marks of direction": ("\u200fש\u200e (2)", True),
    "a number as telephones copy it": ("\u202a+33 6 12 34 56 78\u202c", True),
    "an isolated name": ("\u2068Kim\u2069", True),
    "a soft hyphen": ("Auf\xadnahme", True),
    "an override of direction": ("\u202ekcab", False),
    "an annotation": ("a\ufff9b\ufffbc", False),
    "a separator of lines": ("a\u2028b", False),
    "NUL": ("a\x00b", False),
    "an escape": ("\x1b[31m", False),
    "C1": ("a\x85b", False),
    "a noncharacter": ("a\uffffb", False),
    "half a pair": ("a\ud800b", False),
}


def takes(kind: object, text: str) -> bool:
    """Return whether a field of this kind takes a text, unchanged."""
    try:
        return bool(TypeAdapter(kind).validate_python(text) == text)
    except ValidationError:
        return False


@pytest.mark.parametrize("name", TYPED)
def test_what_people_type_is_taken(name: str):
    """In names and in words alike; an id of a platform stays what a platform sends."""
    text, wanted = TYPED[name]
    assert (takes(Text, text), takes(Words, text)) == (wanted, wanted)
    assert not takes(Ref, text)


@pytest.mark.parametrize(
    ("text", "by_words"), [("two\nlines", True), ("a\ttable", True), ("a\rreturn", False)]
)
def test_words_have_lines_and_a_name_has_none(text: str, by_words: bool):
    """A form sends a carriage return too, which is removed before."""
    assert (takes(Text, text), takes(Words, text)) == (False, by_words)
