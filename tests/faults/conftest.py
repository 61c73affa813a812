"""Fixtures of the proofs."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers.media_thread import MediaThread, media_thread


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every proof of this folder as a long one."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.long)


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
