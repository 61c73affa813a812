"""Fixtures that every test may use, and the tiers of the suite."""

from hypothesis import HealthCheck, settings

from tests.servers.made_once import make_once
from tests.support.counts import FULL

pytest_plugins = [
    "tests.tiers",
    "tests.turns",
    "tests.servers.fixtures",
    "tests.servers.databases",
    "tests.support.fault_table",
    "tests.support.threads",
    "tests.loop_watchdog",
    "tests.support.format_table",
    "tests.support.rights_table",
]
make_once()
# An example that is slow on a loaded machine is no failure: a test that bounds time counts or compares. Without the
# full counts the examples are the same in each run: a fault in the product is new with a change, and not by chance.
settings.register_profile(
    "callvault", deadline=None, derandomize=not FULL, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("callvault")
