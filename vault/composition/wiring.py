"""Builds dataclasses from their annotations: each field gets the part of its type, and each part is built once.

A field without a default needs a part; one that needs something else than the part of its type stands in the table
of exceptions. What cannot be found raises at start, and a test builds everything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from vault.tracing import traced

T = TypeVar("T")
#: The field of a class that gets what the function returns, in place of the part of its type.
Exceptions = Mapping[tuple[type, str], Callable[["Wiring"], object]]


class Wiring:
    """The parts that were built until now."""

    def __init__(self, parts: Mapping[Any, object], exceptions: Exceptions) -> None:
        """Begin with the parts that nothing here builds, by their types."""
        self._parts = dict(parts)
        self._exceptions = exceptions

    def make(self, kind: type[T]) -> T:
        """Return the part of this type. Raises LookupError, naming the field for which there is none."""
        if kind not in self._parts:
            values = {
                one.name: self._value(kind, one.name, hint)
                for one, hint in _fields(cast("Any", kind))
                if self._is_wanted(kind, one)
            }
            self._parts[kind] = traced(kind)(**values)
        return cast("T", self._parts[kind])

    def _is_wanted(self, kind: type, one: "Field[Any]") -> bool:
        has_default = one.default is not MISSING or one.default_factory is not MISSING
        return (kind, one.name) in self._exceptions or not has_default

    def _value(self, kind: type, name: str, hint: Any) -> object:
        if (make := self._exceptions.get((kind, name))) is not None:
            return make(self)
        if hint in self._parts:
            return self._parts[hint]
        if not is_dataclass(hint):
            raise LookupError(f"There is no part for {kind.__name__}.{name}.")
        return self.make(cast("type[Any]", hint))


@cache
def _fields(kind: Any) -> Sequence[tuple["Field[Any]", Any]]:
    """Return the fields of a dataclass with their types; cached, because tests wire a vault each."""
    hints = get_type_hints(kind)
    return [(one, hints[one.name]) for one in fields(kind)]
