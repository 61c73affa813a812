"""Tests have the same names every time: processes that share the work must agree on what there is."""

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
    # A worker of pytest-xdist must not be taken for the collector.
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(
        command, cwd=ROOT, env={**settings, "PYTHONHASHSEED": seed}, text=True, stdout=subprocess.PIPE
    )
