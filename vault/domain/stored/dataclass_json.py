"""JSON of a dataclass by its type annotations: what the object is and how it is stored are one definition.

Values are written as ``write_object`` takes them. Reading is as strict as ``Fields``: every field is there, with the
type of its annotation, and there are no others. In a ``sparse`` object a field that is null is left out; so is a field
of a type ``Later`` while it has its default.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, is_dataclass
from dataclasses import fields as fields_of
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from vault.domain.field_types import AddedLater, Least
from vault.domain.stored.json_reader import Fields
from vault.rfc3339 import write_day

C = TypeVar("C")
Reader = Callable[[Fields, str], Any]
Writer = Callable[[Any], Any]


def encode_fields(value: object, *, without: Collection[str] = (), sparse: bool = False) -> dict[str, Any]:
    """Return a dataclass as a JSON object, ``without`` the fields that the enclosing object has."""
    values: dict[str, Any] = {}
    for field in _shape(cast("Any", type(value)), sparse=sparse):
        one = getattr(value, field.name)
        if field.name in without or one == field.left_out:
            continue
        if one is not None:
            values[field.name] = one if field.write is None else field.write(one)
        elif not sparse:
            values[field.name] = None
    return values


def read_fields(kind: type[C], fields: Fields, *, sparse: bool = False, **given: object) -> C:
    """Read a dataclass from an object that may have more fields; ``given`` are those that it does not have."""
    shape = _shape(cast("Any", kind), sparse=sparse)
    values = {field.name: field.read(fields, field.name) for field in shape if field.name not in given}
    return kind(**values, **given)


def read_some(kind: type[Any], fields: Fields, names: Collection[str]) -> dict[str, Any]:
    """Read the fields ``names`` of a dataclass."""
    shape = _shape(cast("Any", kind), sparse=False)
    return {field.name: field.read(fields, field.name) for field in shape if field.name in names}


def decode_fields(kind: type[C], fields: Fields, *, sparse: bool = False, **given: object) -> C:
    """Decode a dataclass. Raises Tampered, also for a field too many."""
    value = read_fields(kind, fields, sparse=sparse, **given)
    fields.done()
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """How a field is written and read; without a writer, ``write_object`` takes its value as it is."""

    name: str
    write: Writer | None
    read: Reader
    #: The default of a field that was added later; MISSING of any other, which no value equals.
    left_out: object


@cache
def _shape(kind: Any, *, sparse: bool) -> tuple[_Field, ...]:
    """Return the fields of a dataclass, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_field(one.name, hints[one.name], one.default, sparse=sparse) for one in fields_of(kind))


def _field(name: str, hint: Any, default: object, *, sparse: bool) -> _Field:
    read, write = _reader(hint, sparse=sparse), _writer(hint, sparse=sparse)
    if not any(isinstance(mark, AddedLater) for mark in getattr(hint, "__metadata__", ())):
        return _Field(name=name, write=write, read=read, left_out=MISSING)
    if default is MISSING:
        raise TypeError(f"{name} was added later, so it needs a default.")
    return _Field(name=name, write=write, read=_or_default(read, default), left_out=default)


def _or_default(read: Reader, default: object) -> Reader:
    return lambda fields, name: read(fields, name) if fields.has(name) else default


def _writer(hint: Any, *, sparse: bool) -> Writer | None:
    """Return what writes a value of this type; None if ``write_object`` takes it as it is."""
    if get_origin(hint) is Annotated:
        return _writer(get_args(hint)[0], sparse=sparse)
    hint = _not_null(hint) if _is_nullable(hint) else hint
    origin, inner = get_origin(hint), get_args(hint)
    if hint is date:
        return write_day
    if is_dataclass(hint):
        return lambda one: encode_fields(one, sparse=sparse)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_writer(_writer(inner[1], sparse=sparse))
    if origin is None or _choices(hint):
        return None
    return _items_writer(_writer(inner[0], sparse=sparse))


def _mapping_writer(write: Writer | None) -> Writer:
    if write is None:
        return dict
    return lambda one: {name: write(item) for name, item in one.items()}


def _items_writer(write: Writer | None) -> Writer:
    return list if write is None else lambda one: [write(item) for item in one]


def _reader(hint: Any, *, sparse: bool) -> Reader:
    """Return what reads a field of this type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _integer(inner[1]) if isinstance(inner[1], Least) else _reader(inner[0], sparse=sparse)
    if _is_nullable(hint):
        return _maybe(_reader(_not_null(hint), sparse=sparse), sparse=sparse)
    if origin is tuple:
        return _items(inner[0], sparse=sparse)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_reader(inner[1], sparse=sparse))
    return _scalar(hint) or (lambda fields, name: decode_fields(hint, fields.inner(name), sparse=sparse))


def _is_nullable(hint: Any) -> bool:
    return get_origin(hint) in {Union, UnionType} and NoneType in get_args(hint)


def _not_null(hint: Any) -> Any:
    """Return a type without null: several Literals stay a union."""
    return Union[tuple(one for one in get_args(hint) if one is not NoneType)]  # noqa: UP007 - of types that are found here


def _integer(mark: Least) -> Reader:
    return lambda fields, name: fields.integer(name, least=mark.least)


def _maybe(read: Reader, *, sparse: bool) -> Reader:
    if sparse:
        return lambda fields, name: fields.optional(lambda one: read(fields, one), name)
    return lambda fields, name: fields.nullable(lambda one: read(fields, one), name)


def _items(hint: Any, *, sparse: bool) -> Reader:
    if hint is str:
        return Fields.texts
    if choices := _choices(hint):
        return lambda fields, name: fields.texts_of(name, choices)
    if is_dataclass(hint):
        kind = cast("type[object]", hint)
        return lambda fields, name: tuple(
            decode_fields(kind, one, sparse=sparse) for one in fields.items(name)
        )
    read = _reader(hint, sparse=sparse)
    return lambda fields, name: fields.each(name, read)


def _mapping(read: Reader) -> Reader:
    def mapping(fields: Fields, name: str) -> Mapping[str, Any]:
        inner = fields.inner(name)
        return {one: read(inner, one) for one in inner.names()}

    return mapping


def _scalar(hint: Any) -> Reader | None:
    """Return what reads a value of this type that is no object."""
    choices = _choices(hint)
    return (lambda fields, name: fields.one_of(name, choices)) if choices else _SCALARS.get(hint)


def _choices(hint: Any) -> tuple[Any, ...]:
    """Return the values of a Literal, also of several, or of an enumeration; none for another type."""
    if get_origin(hint) in {Union, UnionType}:
        return tuple(one for inner in get_args(hint) for one in _choices(inner))
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(hint) if isinstance(hint, type) and issubclass(hint, StrEnum) else ()


#: What reads the types that are no objects. Subjects add their own (``domain/stored/retention_json.py``).
_SCALARS: Final[dict[Any, Reader]] = {
    str: Fields.text,
    bool: Fields.flag,
    int: Fields.integer,
    float: Fields.number,
    bytes: Fields.blob,
    datetime: Fields.moment,
    date: Fields.day,
}


def add_scalar(kind: type[object], read: Reader) -> None:
    """Let dataclasses have fields of this type."""
    _SCALARS[kind] = read
