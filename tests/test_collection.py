"""Processes that share the work agree on what there is, and leave what belongs together to one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_what_is_collected_does_not_depend_on_when_or_on_chance(request: pytest.FixtureRequest) -> None:
    """Collected once more, in another process with another hash seed, the same tests stand in the same order."""
    here = [_name(item.nodeid) for item in request.session.items]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**_without_pytest(), "PYTHONHASHSEED": "1"},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    every = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(every) > 1000
    assert set(here) - set(every) == set()
    # Less, and in the order of the command line, where only some were asked for.
    if len(here) == len(every):
        assert [pair for pair in zip(here, every, strict=True) if pair[0] != pair[1]][:5] == []


def test_one_process_runs_a_group(tmp_path: Path) -> None:
    """What only one of them should start, a gateway or a benchmark, is started once; the marks are honoured."""
    (tmp_path / "test_group.py").write_text(
        'import os, pytest\n@pytest.mark.xdist_group("one")\n@pytest.mark.parametrize("n", range(8))\n'
        'def test_it(n): open("who", "a").write(os.environ["PYTEST_XDIST_WORKER"] + " ")\n'
    )
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider"]
    command += ["-n", "2", "--dist", "loadgroup", "test_group.py"]
    subprocess.run(command, cwd=tmp_path, env=_without_pytest(), check=True, capture_output=True)
    workers = (tmp_path / "who").read_text().split()
    assert len(workers) == 8
    assert len(set(workers)) == 1


def _name(nodeid: str) -> str:
    """Return a test's name without the group that pytest-xdist puts behind it."""
    return nodeid.rpartition("@")[0] if nodeid.rfind("@") > nodeid.rfind("]") else nodeid


def _without_pytest() -> dict[str, str]:
    # A worker of pytest-xdist must not be taken for the collector.
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
