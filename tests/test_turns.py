"""The large tables of the proofs take turns: each line is tried, each value too, and ``make faults`` runs all."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from tests import turns
from tests.turns import TESTS, TURNS


def collected(name: str, **values: list[str]) -> list[Any]:
    """Return the cases of a test with these parameters, as pytest would."""
    path, cases = TESTS / name / "test_x.py" if "." not in name else TESTS / name, [dict[str, str]()]
    for parameter, given in values.items():
        cases = [{**case, parameter: value} for case in cases for value in given]
    return [
        SimpleNamespace(
            path=path,
            nodeid=f"{name}::test_x[{'-'.join(case.values())}]",
            callspec=SimpleNamespace(params=case),
            add_marker=lambda _: None,
        )
        for case in cases
    ]


def run(
    items: list[Any], keyword: str = "", args: tuple[str, ...] = ("tests",), *, rights_cases: bool = False
) -> list[dict[str, str]]:
    """Return the parameters of the cases that are left."""
    deselected = SimpleNamespace(pytest_deselected=dict)
    config: Any = SimpleNamespace(
        option=SimpleNamespace(keyword=keyword, rights_cases=rights_cases), args=list(args), hook=deselected
    )
    turns.pytest_collection_modifyitems(config, items)
    return [item.callspec.params for item in items]


@pytest.mark.parametrize("name", TURNS)
def test_each_line_runs_once_and_each_value_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seven lines with all values, seven cases run, and no value is left out."""
    monkeypatch.setattr(turns, "FULL", False)
    lines = [f"line {number}" for number in range(7)]
    left = run(collected(name, line=lines, value=list(TURNS[name])))
    assert [case["line"] for case in left] == lines
    used = defaultdict[str, int](int)
    for case in left:
        used[case["value"]] += 1
    assert used.keys() == set(TURNS[name])
    assert max(used.values()) - min(used.values()) <= 1


def test_who_asks_for_a_case_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that is named, a search, the full counts, a test without the values and another file run whole."""
    (name, values), *_ = TURNS.items()

    def given() -> list[Any]:
        return collected(name, value=list(values))

    monkeypatch.setattr(turns, "FULL", False)
    assert len(run(given())) == 1
    assert len(run(given(), keyword="x")) == len(values)
    assert len(run(given(), rights_cases=True)) == len(values)
    assert len(run(given(), args=(f"tests/{name}::test_x[{values[0]}]",))) == len(values)
    assert len(run(collected(name, value=["other", "more"]))) == 2
    assert len(run(collected("web", value=list(values)))) == len(values)
    monkeypatch.setattr(turns, "FULL", True)
    assert len(run(given())) == len(values)


@pytest.mark.parametrize("name", TURNS)
def test_the_table_names_what_there_is(name: str) -> None:
    """A file that was renamed does not run whole without notice, and no folder hides a file of its own."""
    assert (TESTS / name).exists()
    names = list(TURNS)
    assert not any((TESTS / name).is_relative_to(TESTS / one) for one in names[: names.index(name)])
