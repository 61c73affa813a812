"""JSON, numbers and timestamps as platforms write them, and what is refused of them.

Forms and queries: nothing is lost, and what readers disagree about is refused.
"""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Invalid
from vault.telephony.parsing.forms import MAX_BYTES, MAX_FIELDS, Form, parse_form, parse_query
from vault.telephony.parsing.phone_number import normalize
from vault.telephony.parsing.strict_json import parse_object
from vault.telephony.parsing.timestamps import from_rfc3339

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b"{",
        b"{}{}",
        b"null",
        b'"{}"',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' + b"0" * 65 + b".1}",
        b"{'a':1}",
        b'{"a":"\n"}',
        nested(33),
        b"[" * 65536,
        b'{"a":"' + b"\\" * 60000,
        b'{"a":"' + b"x" * 65536 + b'"}',
    ],
)
def test_json_that_two_readers_could_disagree_about_is_invalid(body: bytes) -> None:
    """Duplicate keys, NaN, depth, size and encoding are refused, and nothing recurses to its end."""
    with pytest.raises(Invalid) as error:
        parse_object(body)
    assert error.value.field == "body"


def test_json_at_its_limits_is_read() -> None:
    """64 KiB and a depth of 32 are allowed; brackets inside strings do not count."""
    assert parse_object(nested(32))
    whole = b'{"a":"' + b"[" * (65536 - 8) + b'"}'
    assert len(whole) == 65536
    assert parse_object(whole) == {"a": "[" * (65536 - 8)}
    assert parse_object(b'{"a":"\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[","b":-1.5e3}')["b"] == -1500.0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+12025550100", "+12025550100"),
        (" +1 (202) 555-0100 ", "+12025550100"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("tel:+49.30.12345678", "+493012345678"),
        ("030 1234567", "030 1234567"),
        ("0049301234567", "0049301234567"),
        ("+999123456789", "+999123456789"),
        ("+1", "+1"),
        ("+1 20255501001234", "+1 20255501001234"),
        ("+49 1", "+49 1"),
        ("anonymous", "anonymous"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("client:alice", "client:alice"),
        ("+1202555CALL", "+1202555CALL"),
        ("a\x00b\r\nc", "a b  c"),
        ("\u202e", ""),
        ("x" * 5000, "x" * 100 + "\N{HORIZONTAL ELLIPSIS}" + "x" * 99),
        # A caller chooses the name in front of the number: what is left out is told, and the number stays.
        (
            f"{'Bob ' * 5000}<sip:+33612345678@gw>",
            f"{'Bob ' * 25}\N{HORIZONTAL ELLIPSIS}{('Bob ' * 25 + '<sip:+33612345678@gw>')[-99:]}",
        ),
    ],
)
def test_numbers_become_e164_or_stay_what_they_are(written: str, expected: str) -> None:
    """International numbers are normalized; everything else is kept, in bounds."""
    assert normalize(written) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31t09:30:00.123456789z", datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)),
        ("2026-01-01T00:30:00+05:30", datetime(2025, 12, 31, 19, 0, tzinfo=UTC)),
        ("2000-01-01T00:00:00-00:00", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_timestamps_become_utc(text: str, expected: datetime) -> None:
    """Fractions and offsets are read, and the result is aware."""
    moment = from_rfc3339(text, field="at")
    assert (moment, moment.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T09:30Z",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30:00",
        "2026-01-31T09:30:00+0100",
        "2026-02-30T09:30:00Z",
        "2026-01-31T24:30:00Z",
        "2026-01-31T09:30:00+99:00",
        "1999-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\uff12\uff10\uff12\uff16-01-31T09:30:00Z",
        "2026-01-31T09:30:00Z\n",
    ],
)
def test_timestamps_that_are_none_are_invalid(text: str) -> None:
    """No offset, no such day, absurd years and other digits are refused."""
    with pytest.raises(Invalid) as error:
        from_rfc3339(text, field="at")
    assert error.value.field == "at"


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
