"""Fixtures that every test may use, and the tiers of the suite."""

import gc
import random
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.made_once import make_once
from tests.support.counts import FULL
from tests.support.on_import import on_import

pytest_plugins = [
    "tests.tiers",
    "tests.turns",
    "tests.servers.fixtures",
    "tests.servers.databases",
    "tests.support.fault_table",
    "tests.support.log_as_before",
    "tests.support.threads",
    "tests.loop_watchdog",
    "tests.support.format_table",
    "tests.support.rights_table",
]
make_once()


class _LateRandom(random.Random):
    """Jitter in the later half: with full jitter a wait may be over within the turn that a test looks at."""

    def random(self) -> float:
        """Return a number from 0.5 to 1."""
        return 0.5 + super().random() / 2


def _be_patient(httpx: Any) -> None:
    """Let a client that says no time of its own wait a minute: under load an answer may take over httpx's 5 s."""
    for one in (
        httpx.Client.__init__,
        httpx.AsyncClient.__init__,
        httpx.get,
        httpx.post,
        httpx.put,
        httpx.request,
    ):
        one.__kwdefaults__["timeout"] = 60.0


on_import("vault.backoff", lambda module: setattr(module, "RANDOM", _LateRandom()))
on_import("httpx", _be_patient)
# An example that is slow on a loaded machine is no failure: a test that bounds time counts or compares. Without the
# full counts the examples are the same in each run: a fault in the product is new with a change, and not by chance.
settings.register_profile(
    "callvault", deadline=None, derandomize=not FULL, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("callvault")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect tests without the garbage collector, and leave what was imported out of its sight from then on.

    A million objects live as long as the session; each full collection, of which some tests ask for one, walked them.
    """
    config = session.config
    # Files of a folder stand together: pytest 9 forgets the fixtures of a folder that it comes back to.
    config.args[:] = sorted(config.args, key=lambda one: one.partition("::")[0].rpartition("/")[0])
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
