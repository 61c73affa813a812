"""Fixtures of the proofs."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers.media_thread import MediaThread, media_thread
from tests.support.counts import FULL

_HERE = Path(__file__).parent
_DATABASES = ("sqlite", "postgresql")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run each proof here on one of the two databases, in turn; ``make faults`` runs all on both."""
    if FULL:
        return
    turns: dict[str, int] = {}
    left_out = [item for item in items if item.path.parent == _HERE and not _is_its_turn(item, turns)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_its_turn(item: pytest.Item, turns: dict[str, int]) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    database = next((value for value in params.values() if value in _DATABASES), None)
    if database is None:
        return True
    others = sorted(f"{name}={value}" for name, value in params.items() if value != database)
    turn = turns.setdefault(f"{item.nodeid.partition('[')[0]} {others}", len(turns))
    return database == _DATABASES[turn % 2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, because the path of the control socket is limited to 107 bytes."""
    with TemporaryDirectory(prefix="faults") as name:
        yield Path(name)


@pytest.fixture
def media() -> Iterator[MediaThread]:
    """A host of media."""
    with media_thread() as host:
        yield host
