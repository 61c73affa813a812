"""Fixtures of the proofs."""

from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.counts import TRIED
from tests.servers.media_thread import MediaThread, media_thread


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every proof of this folder as a long one."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.long)


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
