"""Processes that share the work agree on what there is, and leave what belongs together to one of them."""

import os
import subprocess
import sys
from pathlib import Path


def test_processes_that_collected_different_tests_run_none(tmp_path: Path) -> None:
    """A test whose name or place depends on chance stops every parallel run: their hash seeds differ.

    So each run of the suite in two processes shows that what is collected does not depend on them.
    """
    (tmp_path / "test_chance.py").write_text(
        'import pytest\n@pytest.mark.parametrize("name", {str(n) for n in range(12)})\ndef test_it(name): pass\n'
    )
    done = _run(tmp_path, "-n", "2", "test_chance.py")
    assert done.returncode != 0
    assert "Different tests were collected between gw" in done.stdout


def test_one_process_runs_a_group(tmp_path: Path) -> None:
    """What only one of them should start, a gateway or a benchmark, is started once; the marks are honoured."""
    (tmp_path / "test_group.py").write_text(
        'import os, pytest\n@pytest.mark.xdist_group("one")\n@pytest.mark.parametrize("n", range(8))\n'
        'def test_it(n): open("who", "a").write(os.environ["PYTEST_XDIST_WORKER"] + " ")\n'
    )
    assert _run(tmp_path, "-n", "2", "--dist", "loadgroup", "test_group.py").returncode == 0
    workers = (tmp_path / "who").read_text().split()
    assert len(workers) == 8
    assert len(set(workers)) == 1


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=_without_pytest(), text=True, capture_output=True, check=False
    )


def _without_pytest() -> dict[str, str]:
    # A worker of pytest-xdist must not be taken for the collector.
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
