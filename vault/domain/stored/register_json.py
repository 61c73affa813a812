"""JSON of the entries of registers: the sealed content, and the row in the account's object."""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from vault.domain.registers.entries import Register, SealedEntry
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered
from vault.rfc3339 import parse_day, write_day

C = TypeVar("C")
_ROW = tuple(name for name in SealedEntry.__slots__ if name != "account_id")


def encode_entry(content: object) -> bytes:
    """Encode the content of an entry, a dataclass of ``vault.domain.registers.entries``."""
    return write_object(_plain_fields(content))


def decode_entry(kind: type[C], data: bytes) -> C:
    """Decode the content of an entry. Raises Tampered for an unknown, missing or wrong field.

    A field that may be null may be absent.
    """
    fields = read_object(data, "An entry of a register")
    return _dataclass(kind, fields)


def encode_registers(entries: Sequence[SealedEntry]) -> dict[str, Any]:
    """Return the field of the account's object; none without entries, as in earlier releases."""
    items = [{name: getattr(entry, name) for name in _ROW} for entry in entries]
    return {"registers": items} if items else {}


def decode_registers(fields: Fields, account_id: str) -> tuple[SealedEntry, ...]:
    """Decode the field of the account's object. Raises Tampered."""
    items = fields.items("registers") if fields.has("registers") else []
    return tuple(_decode_row_fields(item, account_id) for item in items)


def _decode_row_fields(fields: Fields, account_id: str) -> SealedEntry:
    entry = SealedEntry(
        id=fields.text("id"),
        account_id=account_id,
        register=fields.one_of("register", get_args(Register)),
        revision=fields.integer("revision", least=1),
        sealed_entry=fields.blob("sealed_entry"),
        key_version=fields.integer("key_version", least=1),
        created_at=fields.moment("created_at"),
        changed_at=fields.moment("changed_at"),
        changed_by=fields.text("changed_by"),
    )
    fields.done()
    return entry


def _plain_fields(value: object) -> dict[str, Any]:
    """Return the fields without those that are null: an earlier release refuses a field that it does not know."""
    plain = {field.name: _plain(getattr(value, field.name)) for field in fields_of(cast("Any", value))}
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        return write_day(value)
    return _plain_fields(value) if is_dataclass(value) else value


def _dataclass(kind: type[C], fields: Fields) -> C:
    values = {name: _read(hint, fields, name) for name, hint in get_type_hints(kind).items()}
    fields.done()
    return kind(**values)


def _read(hint: Any, fields: Fields, name: str) -> object:
    """Read a field as its type annotation says."""
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        return fields.optional(lambda name: _read(inner, fields, name), name)
    if get_origin(hint) is tuple:
        return _items(get_args(hint)[0], fields, name)
    if get_origin(hint) is Literal:
        return fields.one_of(name, get_args(hint))
    if is_dataclass(hint):
        return _dataclass(cast("type[object]", hint), fields.inner(name))
    return _scalar(hint, fields, name)


def _items(hint: Any, fields: Fields, name: str) -> tuple[object, ...]:
    if is_dataclass(hint):
        return tuple(_dataclass(cast("type[object]", hint), item) for item in fields.items(name))
    wrapped = [Fields({name: value}, "An entry of a register") for value in fields.values(name)]
    return tuple(_read(hint, item, name) for item in wrapped)


def _scalar(hint: Any, fields: Fields, name: str) -> object:
    if hint is str:
        return fields.text(name)
    if hint is bool:
        return fields.flag(name)
    if hint is int:
        return fields.integer(name)
    if hint is datetime:
        return fields.moment(name)
    try:
        return parse_day(fields.text(name))
    except ValueError:
        raise Tampered(f"An entry of a register has a {name} that is not a date.") from None
