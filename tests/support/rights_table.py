"""``pytest --rights-cases``: run the 42 acceptance cases of rights and retention alone, and print where each one ran.

A plugin of its own, because a parallel run prints from a process that collects no tests.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from tests.support.case_table import TESTS
from tests.support.rights_cases import CASES, DATABASES, LOCKS, PURE, STORES, place_of, tests_of_cases

_OPTION = "--rights-cases"
_COLUMNS = [
    *sorted(PURE),
    *sorted(DATABASES, reverse=True),
    *sorted(STORES, reverse=True),
    *sorted(LOCKS - STORES),
]
_WIDTH = 2 + max(map(len, _COLUMNS))
_COLLECTED = pytest.StashKey[list[tuple[int, str]]]()
#: The worst outcome of a case's tests on one place counts.
_WORST = ("FAILED", "skipped", "passed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(_OPTION, action="store_true", help="run the cases of rights and retention, with a table")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the files of the cases and no others, unless files are named."""
    config.stash[_COLLECTED] = []
    if config.getoption(_OPTION) and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(TESTS / file) for file in sorted({file for file, _ in tests_of_cases()})]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out every test that shows no case, and note where the others run."""
    if not config.getoption(_OPTION):
        return
    shown, kept, others = tests_of_cases(), list[pytest.Item](), list[pytest.Item]()
    for item in items:
        name = getattr(item, "originalname", item.name)
        numbers = shown.get((str(item.path.relative_to(TESTS)), name), [])
        (kept if numbers else others).append(item)
        if isinstance(item, pytest.Function):
            places = [(number, place_of(item)) for number in numbers]
            item.user_properties += [("rights case", place) for place in places]
            config.stash[_COLLECTED] += places
    items[:] = kept
    config.hook.pytest_deselected(items=others)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a line for each case: its tests on each place, and the worst outcome of them."""
    if not config.getoption(_OPTION):
        return
    cells: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for number, place, outcome in _outcomes(terminalreporter, config):
        cells[number, place][outcome] += 1
    terminalreporter.section("rights and retention: tests of each case, by database and store")
    terminalreporter.write_line("  case" + "".join(f"{column:>{_WIDTH}}" for column in _COLUMNS))
    for number, (words, *_) in CASES.items():
        line = "".join(f"{_cell(cells[number, column]):>{_WIDTH}}" for column in _COLUMNS)
        terminalreporter.write_line(f"  {number:>4}{line}  {words}")


def _outcomes(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[tuple[int, str, str]]:
    if config.option.collectonly:
        for number, place in config.stash[_COLLECTED]:
            yield number, place, "passed"
        return
    for status, outcome in {
        "passed": "passed",
        "failed": "FAILED",
        "error": "FAILED",
        "skipped": "skipped",
    }.items():
        for report in terminalreporter.stats.get(status, []):
            for name, said in getattr(report, "user_properties", ()):
                if name == "rights case":
                    number, place = said
                    yield number, place, outcome


def _cell(outcomes: "Counter[str]") -> str:
    worst = next((one for one in _WORST if outcomes[one]), None)
    if worst is None:
        return "-"
    return str(outcomes[worst]) if worst == "passed" else f"{worst}:{outcomes[worst]}"
