"""Fixtures of the proofs."""

from collections.abc import Iterator
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried, how often, and whether it held."""
    how = {"passed": "held", "failed": "BROKEN", "error": "BROKEN", "skipped": "not tried here"}
    ended = {
        report.nodeid: words
        for outcome, words in how.items()
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    }
    if not TRIED:
        return
    terminalreporter.section("faults: what was tried, how often, and what held")
    for test, tried in TRIED.items():
        for what, times in tried:
            case = f"  [{test.partition('[')[2]}" if "[" in test else ""
            terminalreporter.write_line(f"{what:<64} {times:>6}  {ended.get(test, 'ended early')}{case}")


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
