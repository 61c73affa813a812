"""The texts of the console as templates and code use them, for comparison with the catalogue."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jinja2 import nodes

import vault.web
from vault.web.http.html import environment

WEB: Final = Path(vault.web.__file__).parent
TEMPLATES: Final = sorted((WEB / "pages" / "console").glob("*.html"))
#: Names of functions that take a sentence, and whether a context comes before it.
_PLAIN: Final = frozenset({"gettext", "_"})
_PLURAL: Final = "ngettext"
_CONTEXT: Final = "pgettext"
#: Key in the catalogue, English plural.
Used = tuple[str, str | None]


def of_template(path: Path) -> Iterator[Used]:
    """Yield the texts of a template. Fails at one that is not a literal: it could be what somebody typed."""
    tree = environment().parse(path.read_text())
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name):
            continue
        name = call.node.name
        if name in _PLAIN | {_PLURAL, _CONTEXT}:
            literals = [one.value for one in call.args if isinstance(one, nodes.Const)]
            yield _used(name, literals, f"{path.name}:{call.lineno}")


def of_code() -> Iterator[Used]:
    """Yield the texts of the package's code."""
    for path in sorted(WEB.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            where = f"{path.name}:{call.lineno}"
            if call.func.id in _PLAIN | {_PLURAL, _CONTEXT} and path.name != "translations.py":
                if call.args and isinstance(call.args[0], ast.Name):
                    continue  # A constant that ``translatable`` names.
                literals = [one.value for one in call.args if isinstance(one, ast.Constant)]
                yield _used(call.func.id, literals, where)
            elif call.func.id == "translatable":
                yield from ((text, None) for text in _words(call.args[0], where))


def _used(name: str, literals: list[object], where: str) -> Used:
    wanted = 1 if name in _PLAIN else 2
    assert len(literals) >= wanted, f"{where}: {name} needs literal texts"
    texts = [str(one) for one in literals[:wanted]]
    if name == _PLURAL:
        return texts[0], texts[1]
    return "|".join(texts), None


def _words(node: ast.expr, where: str) -> list[str]:
    """Return the texts of a constant: itself, the values of a mapping, or the last of each tuple."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Dict):
        return [text for value in node.values for text in _words(value, where)]
    if isinstance(node, ast.Tuple | ast.List):
        parts = [one.elts[-1] if isinstance(one, ast.Tuple) else one for one in node.elts]
        return [text for part in parts for text in _words(part, where)]
    raise AssertionError(f"{where}: translatable takes literals, mappings of them, and pairs")
