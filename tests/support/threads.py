"""The threads of a store or of a vault in this process."""

from collections.abc import Iterator

import pytest

from vault.thread_pools import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Two threads, which are closed after the test."""
    made = Threads("test", 2)
    yield made
    made.close()
