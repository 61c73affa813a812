"""The table at the end of a run: what was tried, how often, and what held.

A plugin of its own, because a parallel run prints from a process that collects no tests and so knows no conftest
below its arguments.
"""

from collections.abc import Generator

import pytest

from tests.faults.counts import TRIED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send along with a test's report what it tried: a parallel run ends in another process than its tests."""
    report = yield
    if report.when == "call":
        report.user_properties += [("tried", one) for one in TRIED.pop(item.nodeid, ())]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried, how often, and whether it held."""
    how = {"passed": "held", "failed": "BROKEN", "error": "BROKEN", "skipped": "not tried here"}
    tried = [
        (report.nodeid, *said, words)
        for outcome, words in how.items()
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
        for name, said in report.user_properties
        if name == "tried"
    ]
    if not tried:
        return
    terminalreporter.section("faults: what was tried, how often, and what held")
    for test, what, times, words in sorted(tried, key=lambda one: one[0]):
        case = f"  [{test.partition('[')[2].partition(']')[0]}]" if "[" in test else ""
        terminalreporter.write_line(f"{what:<64} {times:>6}  {words}{case}")
