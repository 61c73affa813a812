"""JSON of the entries of registers: the sealed content. The row is in the account's object as it is."""

from typing import TypeVar

from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object

C = TypeVar("C")


def encode_entry(content: object) -> bytes:
    """Encode the content of an entry, a dataclass of ``vault.domain.registers.entries``.

    Fields that are null are left out: an earlier release refuses a field that it does not know.
    """
    return write_object(encode_fields(content, sparse=True))


def decode_entry(kind: type[C], data: bytes) -> C:
    """Decode the content of an entry. Raises Tampered for an unknown, missing or wrong field.

    A field that may be null may be absent.
    """
    return decode_fields(kind, read_object(data, "An entry of a register"), sparse=True)
