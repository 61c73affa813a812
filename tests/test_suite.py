"""The suite on any machine: what is missing is skipped with its remedy, and no example has a time of its own."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.required import require
from tests.support.counts import FULL

ROOT = Path(__file__).parents[1]


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
