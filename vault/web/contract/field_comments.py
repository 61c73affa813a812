"""Field descriptions for the contract, from the ``#:`` comments above the fields.

The source is parsed when the contract is generated, not when the models are created: pydantic's own option
(``use_attribute_docstrings``) would add 0.2 s to every process start.
"""

import ast
import inspect
from textwrap import dedent

from pydantic import BaseModel


def models_of(package: str) -> dict[str, type[BaseModel]]:
    """Return every imported model of a package, by its name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.startswith(f"{package}."):
                found[model.__name__] = model
    return found


def field_comments(model: type[BaseModel]) -> dict[str, str]:
    """Return the comments of a model's fields, by the field's JSON name."""
    commented: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            commented |= _comments(base)
    return {
        field.serialization_alias or field.alias or name: commented[name]
        for name, field in model.model_fields.items()
        if name in commented
    }


def _comments(model: type[BaseModel]) -> dict[str, str]:
    source = dedent(inspect.getsource(model))
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        comment: list[str] = []
        for line in reversed(lines[: node.lineno - 1]):
            if not line.strip().startswith("#:"):
                break
            comment.insert(0, line.strip().removeprefix("#:").strip())
        if comment:
            found[node.target.id] = " ".join(comment).replace("``", "`")
    return found
