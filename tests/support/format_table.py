"""The table at the end of a run: which browser played which format.

A plugin of its own, because a parallel run prints from a process that collects no tests.
"""

from collections import defaultdict

import pytest

_OUTCOMES = {"passed": "plays", "failed": "FAILS", "error": "FAILS", "skipped": "not here"}


def note_format(request: pytest.FixtureRequest, name: str) -> None:
    """Give this test its place in the table."""
    browser = request.node.callspec.params["tab"]
    request.node.user_properties.append(("format", (name, browser)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each format, with each browser's outcome."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for status, outcome in _OUTCOMES.items():
        for report in terminalreporter.stats.get(status, []):
            for key, said in getattr(report, "user_properties", ()):
                if key == "format":
                    name, browser = said
                    table[name][browser] = outcome
    if not table:
        return
    browsers = sorted({browser for line in table.values() for browser in line})
    terminalreporter.section("formats: which browser played them to their end")
    terminalreporter.write_line(f"  {'':<24}" + "".join(f"{browser:<12}" for browser in browsers))
    for name, line in table.items():
        outcomes = "".join(f"{line.get(browser, ''):<12}" for browser in browsers)
        terminalreporter.write_line(f"  {name:<24}{outcomes}")
