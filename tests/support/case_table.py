"""Tables of acceptance cases: whether the tests that they name are there."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of the tests in a file below ``tests/``."""
    tree = ast.parse((TESTS / file).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def missing(shown: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return which tests, each as file and function, are not there."""
    return [(file, name) for file, name in shown if name not in functions(file)]
