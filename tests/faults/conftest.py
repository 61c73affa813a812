"""Fixtures of the proofs."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers.media_thread import MediaThread, media_thread


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
