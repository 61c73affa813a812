"""Processes that share the work agree on what there is, and leave what belongs together to one of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_what_is_collected_does_not_depend_on_when_or_on_chance() -> None:
    """Two collections, in different seconds and with different hash seeds, name the same tests."""
    begun = []
    for seed in ("1", "2"):
        begun.append(_collect(seed))
        time.sleep(1.1)
    first, second = (process.communicate()[0].splitlines() for process in begun)
    assert [process.returncode for process in begun] == [0, 0], first[-20:]
    assert len(first) > 1000
    # The last line says how long it took.
    assert [pair for pair in zip(first[:-1], second[:-1], strict=True) if pair[0] != pair[1]][:5] == []


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


def _collect(seed: str) -> "subprocess.Popen[str]":
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
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**_without_pytest(), "PYTHONHASHSEED": seed},
        text=True,
        stdout=subprocess.PIPE,
    )


def _without_pytest() -> dict[str, str]:
    # A worker of pytest-xdist must not be taken for the collector.
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
