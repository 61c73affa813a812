"""A dataclass is written and read by the types of its fields, as strictly as by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Literal

import pytest

from vault.domain.field_types import FromOne, Later
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields, read_some
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


Small = Literal["a", "b"]
Large = Literal["c"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """An object in the object."""

    name: str
    on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """A field of each type."""

    text: str
    flag: bool
    number: FromOne
    ratio: float
    blob: bytes
    at: datetime
    colour: Colour
    letter: Small | Large
    maybe_letter: Small | Large | None
    inner: Inner
    maybe_inner: Inner | None
    texts: tuple[str, ...]
    letters: tuple[Small, ...]
    days: tuple[date, ...]
    inners: tuple[Inner, ...]
    named: Mapping[str, Inner]
    words: Later[tuple[str, ...]] = ()
    added: Later[Inner | None] = None


WHOLE = Outer(
    text="t",
    flag=True,
    number=1,
    ratio=0.5,
    blob=b"\x00",
    at=datetime(2026, 1, 31, 10, 28, tzinfo=UTC),
    colour=Colour.RED,
    letter="c",
    maybe_letter="b",
    inner=Inner(name="i", on=date(2026, 1, 31)),
    maybe_inner=None,
    texts=("x", "y"),
    letters=("a",),
    days=(date(2026, 2, 1),),
    inners=(Inner(name="j"),),
    named={"k": Inner(name="k")},
)


def stored(value: Outer, **more: Any) -> Fields:
    """Write it, and begin to read it; ``more``: fields in place of its own."""
    return read_object(write_object(encode_fields(value) | more), "A thing")


def test_what_is_written_is_read() -> None:
    """A field of each type, with fields that were added later and without."""
    for value in (WHOLE, replace(WHOLE, words=("w",), added=Inner(name="n"))):
        assert decode_fields(Outer, stored(value)) == value


def test_a_field_that_was_added_later_is_left_out_while_it_has_its_default() -> None:
    """An earlier release refuses a field that it does not know."""
    assert not {"words", "added"} & encode_fields(WHOLE).keys()
    assert encode_fields(replace(WHOLE, words=("w",)))["words"] == ["w"]


def test_a_later_field_needs_a_default() -> None:
    """What earlier releases wrote could not be read."""

    @dataclass
    class Wrong:
        added: Later[str]

    with pytest.raises(TypeError, match="added"):
        encode_fields(Wrong(added="x"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 1), ("flag", 0), ("number", 0), ("number", "1"), ("ratio", "1"), ("blob", "§"), ("at", "yesterday"),
        ("colour", "green"), ("letter", "d"), ("maybe_letter", "d"), ("inner", None), ("inner", {"name": "i"}),
        ("maybe_inner", {"name": "i", "on": None, "more": 1}), ("texts", [1]), ("letters", ["z"]), ("days", ["today"]),
        ("inners", [{}]), ("named", {"k": 1}), ("words", None), ("more", 1),
    ],
)  # fmt: skip
def test_another_value_is_tampered(name: str, value: object) -> None:
    """Of each type, and a field too many."""
    with pytest.raises(Tampered):
        decode_fields(Outer, stored(WHOLE, **{name: value}))


@pytest.mark.parametrize("name", sorted(encode_fields(WHOLE)))
def test_each_field_is_needed(name: str) -> None:
    """Also one that may be null."""
    values = encode_fields(WHOLE)
    del values[name]
    with pytest.raises(Tampered):
        decode_fields(Outer, read_object(write_object(values), "A thing"))


def test_a_sparse_object_has_no_nulls() -> None:
    """Inner objects neither; what is absent is null."""
    value = Inner(name="i")
    assert encode_fields(value, sparse=True) == {"name": "i"}
    assert decode_fields(Inner, Fields({"name": "i"}, "A thing"), sparse=True) == value


def test_an_enclosing_object_may_have_fields_of_its_own() -> None:
    """Some are left out and given, some are read alone, and others stay for who reads on."""
    assert encode_fields(Inner(name="i"), without={"on"}) == {"name": "i"}
    fields = Fields({"name": "i", "more": 1}, "A thing")
    assert read_fields(Inner, fields, on=None) == Inner(name="i")
    assert fields.integer("more") == 1
    assert read_some(Inner, Fields({"name": "i"}, "A thing"), ["name"]) == {"name": "i"}
