"""Forms and queries: nothing is lost, and what readers disagree about is refused."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Invalid
from vault.telephony.parsing.forms import MAX_BYTES, MAX_FIELDS, Form, parse_form, parse_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_order_duplicates_and_blanks_are_kept() -> None:
    """A form is a list of pairs: the first of a name, and all of them, can be asked for."""
    form = parse_form(b"b=2&a=&b=1&b=2&c&=x&&d=%2B+%C3%A9")
    assert tuple(form) == (
        ("b", "2"), ("a", ""), ("b", "1"), ("b", "2"), ("c", ""), ("", "x"), ("d", "+ é"),
    )  # fmt: skip
    assert (form.first("b"), form.first("a"), form.first("z")) == ("2", "", None)
    assert form.all("b") == ("2", "1", "2")
    assert len(form) == 7


@given(st.lists(st.tuples(TEXT, TEXT), max_size=MAX_FIELDS))
def test_what_the_standard_library_writes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    """Its writer and ours agree on every text there is."""
    pairs = [pair for pair in pairs if pair != ("", "")]
    body = urlencode(pairs).encode()
    assert list(parse_form(body)) == pairs
    assert list(parse_form(body)) == parse_qsl(body.decode(), keep_blank_values=True)


@pytest.mark.parametrize(
    "raw",
    [b"a=%", b"a=%2", b"a=%zz", b"%%41=1", b"a=%ff", b"a=\xff", b"a=%ed%a0%80", b"a=1\n", b"a b=1", b"\x00"],
)
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    """Half an escape, bytes that are no UTF-8, raw spaces and control characters."""
    for parse, field in ((parse_form, "body"), (parse_query, "query")):
        with pytest.raises(Invalid) as error:
            parse(raw)
        assert error.value.field == field


def test_limits_are_exact() -> None:
    """64 KiB and 200 fields are accepted, and one more is not."""
    assert len(parse_form(b"a=" + b"x" * (MAX_BYTES - 2))) == 1
    assert len(parse_form(b"&".join([b"a=1"] * MAX_FIELDS) + b"&&")) == MAX_FIELDS
    for body in (b"a=" + b"x" * (MAX_BYTES - 1), b"&".join([b"a=1"] * (MAX_FIELDS + 1))):
        with pytest.raises(Invalid):
            parse_form(body)


def test_a_query_is_read_like_a_form() -> None:
    """Text and bytes give the same; a lone surrogate is refused; nothing is an empty form."""
    assert parse_query("a=1&b=%20") == parse_query(b"a=1&b=%20") == Form((("a", "1"), ("b", " ")))
    assert parse_query("") == Form()
    with pytest.raises(Invalid):
        parse_query("a=\ud800")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_invalid(raw: bytes) -> None:
    """Nothing else can happen."""
    try:
        parse_form(raw)
    except Invalid as error:
        assert error.field == "body"
