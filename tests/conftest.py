"""Fixtures that every test may use, and which tests are left to CI."""

import os

import pytest
from hypothesis import settings

from tests.servers.made_once import make_once

pytest_plugins = [
    "tests.servers.fixtures",
    "tests.servers.databases",
    "tests.support.fault_table",
    "tests.loop_watchdog",
    "tests.support.format_table",
]
make_once()
# An example that is slow on a loaded machine is no failure: a test that bounds time counts or compares.
settings.register_profile("callvault", deadline=None)
settings.load_profile("callvault")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what starts and kills servers for minutes to CI and to ``make faults``; so too the benchmark."""
    if os.environ.keys() & {"CALLVAULT_FAULTS", "CALLVAULT_REQUIRE_ALL"}:
        return
    later = pytest.mark.skip(reason="takes minutes: CI runs it, and CALLVAULT_REQUIRE_ALL=1")
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(later)
