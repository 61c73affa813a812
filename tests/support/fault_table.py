"""The table at the end of a run: every fault and attack, how often it was tried, and what held.

A test that repeats says itself how often (``count``); of the others each case is one try, and the test's name says
what was tried. A plugin of its own, because a parallel run prints from a process that collects no tests and so
knows no conftest below its arguments.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator

import pytest

from tests.support.counts import TRIED

_OUTCOMES = {"passed": "held", "failed": "BROKEN", "error": "BROKEN", "skipped": "not tried here"}
#: The worse of two outcomes of one test counts.
_WORST = ("BROKEN", "not tried here", "held")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send along with a test's report what it tried: a parallel run ends in another process than its tests."""
    report = yield
    tries = TRIED.pop(item.nodeid, None)
    if item.get_closest_marker("faults") is None:
        return report
    if report.when == "call" or not report.passed:
        report.user_properties += [("tried", one) for one in tries or [(_name(item), 1)]]
    return report


def _name(item: pytest.Item) -> str:
    return getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried, how often, and whether it held."""
    tried: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for file, what, times, outcome in _tries(terminalreporter):
        tried[file, what].append((times, outcome))
    if not tried:
        return
    terminalreporter.section("faults: what was tried, how often, and what held")
    heading = ""
    for (file, what), cases in sorted(tried.items()):
        if file != heading:
            terminalreporter.write_line(file)
            heading = file
        outcome = min((one for _, one in cases), key=_WORST.index)
        times = sum(times for times, one in cases if one != "not tried here")
        terminalreporter.write_line(f"  {what:<84} {times:>6}  {outcome}")


def _tries(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, int, str]]:
    for status, outcome in _OUTCOMES.items():
        for report in terminalreporter.stats.get(status, []):
            for name, said in getattr(report, "user_properties", ()):
                if name == "tried":
                    yield report.nodeid.partition("::")[0], *said, outcome
