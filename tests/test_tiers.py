"""``make test`` and ``make proofs`` are together the whole suite, and no test is in both.

The suite on any machine: what is missing is skipped with its remedy, and no example has a time of its own.
"""

import ast
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.required import require
from tests.support.counts import FULL
from tests.tiers import PROOFS, TESTS, in_proofs, pytest_collection_modifyitems, pytest_ignore_collect

MAKEFILE = (TESTS.parent / "Makefile").read_text()
FILES = sorted(TESTS.rglob("test_*.py"))
ROOT = Path(__file__).parents[1]


def command(target: str) -> str:
    """Return what a target of the Makefile runs."""
    (found,) = re.findall(rf"^{target}: .*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    return found


def ignored(path: Path, expression: str) -> bool:
    """Say whether a file is not even collected under an expression of markers."""
    config = SimpleNamespace(option=SimpleNamespace(markexpr=expression))
    below = [part for part in (path, *path.parents) if TESTS in part.parents]
    return any(pytest_ignore_collect(part, config) for part in below)  # type: ignore[arg-type] - all it asks for


def test_the_two_commands_select_by_one_marker_and_by_its_negation() -> None:
    """Nothing else selects, so each collected test is run by exactly one."""
    assert ' -m "not proof" ' in command("test")
    assert command("test").replace('"not proof"', "proof") == command("proofs")


@pytest.mark.parametrize("name", PROOFS)
def test_the_table_names_what_there_is(name: str) -> None:
    """A file that was renamed does not fall out of its tier, and none is named twice."""
    assert (TESTS / name).exists()
    assert not any(in_proofs(above) for above in (TESTS / name).parents)


def test_what_is_not_collected_for_one_command_is_run_by_the_other() -> None:
    """Files are left out before they are collected: those whose tests are all marked, and those where none can be."""
    assert len(FILES) > 300
    assert [path for path in FILES if ignored(path, "not proof") != in_proofs(path)] == []
    assert [path for path in FILES if ignored(path, "proof") and ignored(path, "not proof")] == []
    assert 0 < len([path for path in FILES if ignored(path, "proof")]) < len(FILES) - len(PROOFS)
    assert [path for path in FILES if ignored(path, "") or ignored(path, "not proof and faults")] == []


def test_a_marked_parameter_that_no_command_would_run_is_an_error(request: pytest.FixtureRequest) -> None:
    """`make proofs` leaves out a file without the word, so a mark that comes from elsewhere stops every collection."""
    path = TESTS / "domain" / "test_number_reader.py"
    assert ignored(path, "proof")
    here = request.node
    item = SimpleNamespace(path=path, nodeid="x", get_closest_marker=lambda name: name == "proof" or None)
    pytest_collection_modifyitems([here])
    with pytest.raises(pytest.UsageError, match=r"x: mark it in its file"):
        pytest_collection_modifyitems([item])  # type: ignore[list-item] - all it asks for


def test_each_test_of_the_table_is_marked(request: pytest.FixtureRequest) -> None:
    """What this run has collected carries the marker if the table names its file."""
    unmarked = [item for item in request.session.items if item.get_closest_marker("proof") is None]
    assert [item.nodeid for item in unmarked if in_proofs(item.path)] == []
    if request.config.option.markexpr == "not proof":
        assert len(unmarked) == len(request.session.items)


def test_tests_of_services_lie_by_subject() -> None:
    """Each is in a folder that has the name of a package below vault/services."""
    packages = {path.parent.name for path in (TESTS.parent / "vault/services").glob("*/__init__.py")}
    assert {path.parent.name for path in FILES if TESTS / "services" in path.parents} <= packages


def test_what_is_missing_is_skipped_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a laptop; where all must run, as in CI, it fails instead."""
    monkeypatch.delenv("CALLVAULT_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install nothing"):
        require("no-such-program", install="apt-get install nothing")
    monkeypatch.setenv("CALLVAULT_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install nothing"):
        require("no-such-program", install="apt-get install nothing")
    require("sh", install="nothing")
    assert "export CALLVAULT_REQUIRE_ALL=1\n" in (ROOT / ".ci" / "run").read_text()


def test_no_example_has_a_deadline() -> None:
    """Beside other work one example may take seconds, and says nothing by that."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
    assert settings().derandomize is not FULL
    for file in (ROOT / "tests").rglob("*.py"):
        text = file.read_text()
        if "hypothesis" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"settings", "hypothesis.settings"}:
                given = [word.value for word in node.keywords if word.arg == "deadline"]
                assert [one for one in given if ast.unparse(one) != "None"] == [], file.name


def test_what_is_left_open_fails() -> None:
    """A connection that the collector closes is a ResourceWarning, and every warning is an error."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    filters = project["tool"]["pytest"]["ini_options"]["filterwarnings"]
    assert filters[0] == "error"
    assert [one for one in filters if "ResourceWarning" in one] == []


def test_a_release_is_tried_on_empty_systems() -> None:
    """The README's two commands, as a new user, on the system of the image and on the newest one."""
    assert "- `make fresh` ends in `green`" in (ROOT / "docs" / "contributing" / "release.md").read_text()
    script = (ROOT / "tests" / "fresh" / "run.sh").read_text()
    assert "${systems:-trixie testing}" in script
    assert "${steps:-run test}" in script
    assert "/home/newcomer/my calls/callvault" in script
    (image,) = set(
        re.findall(r"^FROM python:\S+-slim-(\w+)@", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
    assert image == "trixie"
