"""Fixtures that every test may use, and the tiers of the suite."""

from hypothesis import settings

from tests.servers.made_once import make_once

pytest_plugins = [
    "tests.tiers",
    "tests.servers.fixtures",
    "tests.servers.databases",
    "tests.support.fault_table",
    "tests.loop_watchdog",
    "tests.support.format_table",
    "tests.support.rights_table",
]
make_once()
# An example that is slow on a loaded machine is no failure: a test that bounds time counts or compares.
settings.register_profile("callvault", deadline=None)
settings.load_profile("callvault")
