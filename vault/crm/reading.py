"""Reads replies of systems: any bytes are taken, and nothing is raised; what is not there is None."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from vault.domain.crm.exchange import MAX_REPLY, CrmReply
from vault.domain.strict_json import parse_strict
from vault.rfc3339 import parse_rfc3339

#: Candidates and children that are read of one reply.
MAX_ITEMS: Final = 50
#: Digits of a number in a reply.
_MAX_DIGITS: Final = 20
_MAX_ID: Final = 200
_ID: Final = re.compile(r"[0-9A-Za-z_.:-]+")
_CODE: Final = re.compile(r"[^a-z0-9]+")
_MAX_CODE: Final = 60
_FIELD: Final = re.compile(r"[A-Za-z0-9_.$\[\]-]{1,80}")


def json_of(reply: CrmReply) -> object:
    """Return the JSON of a reply; None if it is not JSON, or longer than a reply can be."""
    if len(reply.body) > MAX_REPLY:
        return None
    try:
        return parse_strict(reply.body, parse_int=_int)
    except ValueError:
        return None


def _int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("The number is too long.")
    return int(text)


def at(value: object, *path: str | int) -> object:
    """Return what is at a path of names and positions; None where it ends earlier."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def text_at(value: object, *path: str | int) -> str | None:
    """Return the text at a path; None if it is another type or empty."""
    found = at(value, *path)
    return found if isinstance(found, str) and found else None


def items_at(value: object, *path: str | int, most: int = MAX_ITEMS) -> Sequence[object]:
    """Return the first items of the list at a path, ``most`` of them."""
    found = at(value, *path)
    return found[:most] if isinstance(found, list) else ()


def id_at(value: object, *path: str | int) -> str | None:
    """Return the id at a path, a number or text that is safe in a URL; None otherwise."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return found if isinstance(found, str) and is_id(found) else None


def is_id(text: str) -> bool:
    """Return whether text can be an id of a system: letters, digits and ``_ . : -``, and no path."""
    return len(text) <= _MAX_ID and _ID.fullmatch(text) is not None and text.strip(".") != ""


def time_at(value: object, *path: str | int) -> datetime | None:
    """Return the RFC 3339 time, or the seconds since 1970, at a path."""
    found = at(value, *path)
    try:
        if isinstance(found, str):
            return parse_rfc3339(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def code_of(text: object) -> str:
    """Return a system's code in lower case, digits and underscores; ``unknown`` if there is none."""
    code = _CODE.sub("_", text[:200].lower()).strip("_")[:_MAX_CODE] if isinstance(text, str) else ""
    return code or "unknown"


def field_of(text: object) -> str | None:
    """Return a system's name of a field; None if it can be anything else, such as a value."""
    return text if isinstance(text, str) and _FIELD.fullmatch(text) else None


def header_number(header: str | None) -> int | None:
    """Return the number in a header."""
    text = "" if header is None else header.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
