"""Payloads with one thing wrong, for every place where something can be wrong."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: What stands in for a value: every JSON type, and what a string, a time or a URL must not be.
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "x\u0000\n\u202e",
    "\ud800",
    "y" * 300,
    "https://u:p@x/",
    "http://[::1",
    [],
    ["x"],
    [{}],
    {},
    {"x": {}},
)


def payload(folder: Path, name: str) -> dict[str, Any]:
    """Return a payload of ``folder`` that a test may change."""
    made: dict[str, Any] = json.loads((folder / "payloads" / f"{name}.json").read_text())
    return made


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything inside ``value``, at any depth."""
    inside: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for key, part in inside:
        yield (*path, key)
        yield from places(part, (*path, key))


def changed(whole: dict[str, Any], path: tuple[str | int, ...], wrong: object) -> dict[str, Any]:
    """Return a copy of ``whole`` with ``wrong`` at ``path``."""
    made = copy.deepcopy(whole)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    return made


def malformed(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield ``whole`` with each of its parts left out, or replaced by each thing that it is not."""
    for path in places(whole):
        made = copy.deepcopy(whole)
        place: Any = made
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        yield made
        for wrong in WRONG:
            yield changed(whole, path, wrong)
