"""Every regex in the code of the vault, found by reading it, and the strings that make a regex go back and forth."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import vault

_SRE = importlib.import_module("re._parser")
_CONSTANTS = importlib.import_module("re._constants")
#: What takes a pattern as its first argument.
_TAKES_PATTERN = (
    re.compile, re.fullmatch, re.match, re.search, re.sub, re.subn, re.split, re.findall, re.finditer
)  # fmt: skip
_REPEATS = (_CONSTANTS.MAX_REPEAT, _CONSTANTS.MIN_REPEAT, _CONSTANTS.POSSESSIVE_REPEAT)
_CATEGORIES = {
    _CONSTANTS.CATEGORY_SPACE: str.isspace,
    _CONSTANTS.CATEGORY_DIGIT: str.isdigit,
    _CONSTANTS.CATEGORY_WORD: str.isalnum,
    _CONSTANTS.CATEGORY_NOT_WORD: lambda character: not character.isalnum(),
}
#: Characters that are tried where the pattern allows many.
_USUAL = 'a0 "\\/:.,-+\n'


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the code where a regex is made."""

    #: ``vault.web.audio.response:7``
    place: str
    #: None where it cannot be known without running the function around it.
    regex: re.Pattern[Any] | None


def sites() -> Iterator[Site]:
    """Yield every call in ``vault/`` that takes a pattern, with the pattern."""
    for found in pkgutil.walk_packages(vault.__path__, "vault."):
        if ".migrations." in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                called = evaluated(node.func, module)
                if any(called is one for one in _TAKES_PATTERN):
                    yield Site(f"{found.name}:{node.lineno}", _regex(node, module))


def evaluated(node: ast.expr, module: Any) -> Any:
    """Return what an expression is at the top of a module; None where it needs more than that."""
    if not all(isinstance(each, ast.Name | ast.Attribute | ast.Load) for each in ast.walk(node)):
        return None
    try:
        return eval(compile(ast.Expression(node), "<site>", "eval"), vars(module))  # noqa: S307 - our own code
    except (NameError, AttributeError):
        return None


def _regex(call: ast.Call, module: Any) -> re.Pattern[Any] | None:
    """Return the regex that a call makes of what the module knows; None where an argument is a local name."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    compiles = evaluated(call.func, module) is re.compile
    try:
        values = [
            eval(compile(ast.Expression(each), "<site>", "eval"), vars(module))  # noqa: S307 - our own code
            for each in [call.args[0], *(call.args[1:2] if compiles else []), *named]
        ]
    except NameError:
        return None
    return re.compile(*values)


def hostile_strings(regex: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    """Yield beginnings and pieces to repeat behind them: each makes one repeat of the regex go on for long."""
    tree, literals = _SRE.parse(regex.pattern, regex.flags), set[str]()
    _collect(tree, literals)
    preferred = sorted(char for char in literals if not char.isalnum())[:6]
    seen = set[tuple[str, str]]()
    for prefer in [*preferred, "a", "0"]:
        for branch in range(3):
            for pump in _pumps(tree, prefer, branch):
                if pump not in seen:
                    seen.add(pump)
                    yield pump


def _pumps(tree: Any, prefer: str, branch: int) -> Iterator[tuple[str, str]]:
    before = ""
    for op, argument in tree:
        for inner in _inside(op, argument):
            for prefix, body in _pumps(inner, prefer, branch):
                yield before + prefix, body
        if op in _REPEATS and argument[1] > 1 and (body := _matched(argument[2], prefer, branch)):
            yield before, body
        before += _matched([(op, argument)], prefer, branch)


def _inside(op: Any, argument: Any) -> list[Any]:
    """Return the parts of a node that are regexes themselves."""
    if op in _REPEATS:
        return [argument[2]]
    if op is _CONSTANTS.BRANCH:
        return list(argument[1])
    return [argument[-1]] if op is _CONSTANTS.SUBPATTERN else []


def _matched(tree: Any, prefer: str, branch: int) -> str:
    """Return a string that the tree matches, of ``prefer`` where it is allowed, by the given branch."""
    text = ""
    for op, argument in tree:
        if op in _REPEATS:
            text += _matched(argument[2], prefer, branch) * max(1, argument[0])
        elif op is _CONSTANTS.BRANCH:
            text += _matched(argument[1][branch % len(argument[1])], prefer, branch)
        elif op is _CONSTANTS.SUBPATTERN:
            text += _matched(argument[-1], prefer, branch)
        elif op in (_CONSTANTS.LITERAL, _CONSTANTS.NOT_LITERAL, _CONSTANTS.IN, _CONSTANTS.ANY):
            candidates = chain((prefer,), _USUAL, map(chr, range(0x2100)))
            text += next(char for char in candidates if _admits(op, argument, ord(char)))
    return text


def _admits(op: Any, argument: Any, code: int) -> bool:
    if op is _CONSTANTS.IN:
        negated = argument[0][0] is _CONSTANTS.NEGATE
        return negated != any(_admits(*each, code) for each in argument[1 if negated else 0 :])
    if op is _CONSTANTS.RANGE:
        return bool(argument[0] <= code <= argument[1])
    if op is _CONSTANTS.CATEGORY:
        return _CATEGORIES[argument](chr(code))
    if op is _CONSTANTS.ANY:
        return True
    return bool((argument == code) == (op is _CONSTANTS.LITERAL))


def _collect(tree: Any, literals: set[str]) -> None:
    """Collect every character that the pattern names."""
    for op, argument in tree:
        if op in (_CONSTANTS.LITERAL, _CONSTANTS.NOT_LITERAL):
            literals.add(chr(argument))
        elif op is _CONSTANTS.IN:
            _collect([each for each in argument if each[0] is not _CONSTANTS.NEGATE], literals)
        for inner in _inside(op, argument):
            _collect(inner, literals)
