"""Payloads in which one field was changed."""

import copy
from collections.abc import Callable
from typing import Any

from tests.support.sender import Payload


def paths(said: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where every field of a payload stands, those that hold others included."""
    inside = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    return [path for key, value in inside for path in ((*at, key), *paths(value, (*at, key)))]


def changed(said: Payload, path: tuple[str | int, ...], change: Callable[[Any, Any], None]) -> Payload:
    """Return a copy whose field at ``path`` was changed by ``change``, which gets what holds it and its key."""
    other: Any = copy.deepcopy(said)
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return dict(other)
