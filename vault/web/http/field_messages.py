"""What is wrong with a field of a request, in words of our own: the validator's never reach a client or a person."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

from vault.sentence import Sentence

_TEXT, _NUMBER, _LIST, _OBJECT = (
    "must be a text",
    "must be a number",
    "must be a list",
    "must be a JSON object",
)
_MOMENT: Final = "must be a time with an offset, such as 2026-01-31T00:00:00Z"
_DATE: Final = "must be a date, such as 2026-01-31"
_BOOL, _INTEGER = "must be true or false", "must be a whole number"
#: By the validator's type of error. ``{name}`` is from its context.
MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "none_required": "must be null",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "invalid_key": "must have texts as names",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": "must have at least {min_length} {items}",
    "too_long": "must have at most {max_length} {items}",
    "string_type": _TEXT,
    "string_unicode": "must be a text in UTF-8",
    "string_too_short": "must have at least {min_length} {characters}",
    "string_too_long": "must have at most {max_length} {characters}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_not_ascii": "must be ASCII",
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": "must be a smaller number",
    "int_from_float": _INTEGER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must be {expected_tags}",
    "union_tag_not_found": "is required",
    "bytes_type": _TEXT,
    "bytes_too_short": "must have at least {min_length} bytes",
    "bytes_too_long": "must have at most {max_length} bytes",
    "bytes_invalid_encoding": "must be base64",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": "must be in the past",
    "date_future": "must be in the future",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": "must be in the past",
    "datetime_future": "must be in the future",
    "timezone_aware": _MOMENT,
    "timezone_naive": "must have no offset",
    "timezone_offset": "must have another offset",
}
#: Of anything else, such as a type of error that a later release of the validator adds.
_OTHER: Final = "is not valid"
#: The value of a message; what it counts stands after it.
_HOLE: Final = re.compile(r"\{(\w+)\}")
#: For one, and for any other number.
_COUNTED: Final = {"item": "items", "character": "characters"}
#: Our own validators say what is wrong.
_OWN: Final = frozenset({"value_error", "assertion_error"})


def field_message(item: ErrorDetails | Mapping[str, Any]) -> str:
    """Return what is wrong with the field of one of the validator's errors, without its value."""
    context: Mapping[str, Any] = item.get("ctx", {})
    if item["type"] in _OWN:
        return str(context["error"]).removesuffix(".") or _OTHER
    message = MESSAGES.get(item["type"], _OTHER)
    hole = _HOLE.search(message)
    if hole is None:
        return message
    value = context[hole[1]]
    first, either, last = str(value).rpartition(" or ") if hole[1] == "expected" else ("", "", "")
    if either:
        return Sentence("must be %(choices)s or %(last)s", choices=first, last=last)
    template = message.replace(hole[0], "%(number)s")
    for one, many in _COUNTED.items():
        template = template.replace(f"{{{many}}}", one if value == 1 else many)
    return Sentence(template, number=value)


def as_sentence(message: str) -> str:
    """Return a message as a sentence that stands alone."""
    if isinstance(message, Sentence):
        return Sentence(as_sentence(message.template), **message.values)
    return f"{message[:1].upper()}{message[1:]}."
