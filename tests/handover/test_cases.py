"""The table of cases names tests that are there."""

import re
from pathlib import Path

import tests.handover

_TESTS = Path(__file__).parents[1]


def test_each_case_has_its_test():
    """Each case from 1 to 40 is in the table, and each test that is named by its file is in that file."""
    table = tests.handover.__doc__ or ""
    named = re.findall(r"``([\w/]+\.py)::(\w+)``", table)
    assert len(named) >= 12
    for file, test in named:
        assert f"def {test}(" in (_TESTS / file).read_text(), f"{file}::{test}"
    for module in re.findall(r"``(test_\w+)``", table):
        assert (Path(__file__).parent / f"{module}.py").exists(), module
    lines = table.splitlines()
    cells = [row.split("|")[1] for row in lines if row.startswith("| ")] + [
        row[:3] for row in lines if row[2:3] == ":"
    ]
    cases = {int(one) for cell in cells for one in re.findall(r"[0-9]+", cell)}
    assert set(range(1, 41)) - cases == {19}
