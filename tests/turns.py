"""Large tables of the proofs: without the full counts, the cases that differ in one value alone take turns.

Of these cases one runs, another one for the next line of the table, so that every line and every value is tried.
``make faults`` runs them all, and so does who names a case, searches with ``-k`` or asks for ``--rights-cases``.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.support.counts import FULL

TESTS: Final = Path(__file__).parent
_DATABASES: Final = ("sqlite", "postgresql")
_PAIRS: Final = ("sqlite-directory", "postgresql-moto", "postgresql-ceph")
#: Below tests/: the folders and files whose cases take turns, and among which values. A file precedes its folder.
TURNS: Final[dict[str, Sequence[str]]] = {
    "faults/test_erase_by_number.py": _PAIRS,
    "faults": _DATABASES,
    "journeys/test_console_journey.py": ("keyboard", "mouse", "without scripts"),
    "journeys/test_three_browsers.py": ("chromium", "firefox", "webkit"),
    "services/requests/test_kills.py": _PAIRS[:2],
    "services/retention/test_object_locks_ceph.py": _DATABASES,
    "web/console/test_print_and_contrast.py": ("de-DE", "en-GB"),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases whose turn it is not."""
    chosen = config.option.keyword or config.option.rights_cases or any("[" in one for one in config.args)
    whole = FULL or chosen
    numbers: dict[str, int] = {}
    kept, left_out = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        values = _values(item.path)
        if values:
            item.add_marker(pytest.mark.faults)
        runs = whole or not values or _is_its_turn(item, values, numbers)
        (kept if runs else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@cache
def _values(path: Path) -> Sequence[str]:
    return next((values for name, values in TURNS.items() if path.is_relative_to(TESTS / name)), ())


def _is_its_turn(item: pytest.Item, values: Sequence[str], numbers: dict[str, int]) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    mine = next((value for value in given.values() if value in values), None)
    if mine is None:
        return True
    others = sorted(f"{name}={value}" for name, value in given.items() if value != mine)
    line = numbers.setdefault(f"{item.nodeid.partition('[')[0]} {others}", len(numbers))
    return mine == values[line % len(values)]
