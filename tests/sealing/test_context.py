"""An encryption context has exactly one serialisation, and the parser takes no other."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.sealing.context import parse, serialise

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SAMPLE = serialise({"a": "1", "b": "", "é": "日本"})


def test_nothing_is_written_for_no_pairs():
    """An empty context has no bytes at all, not a count of zero."""
    assert serialise({}) == b""
    assert parse(b"") == {}


def test_pairs_are_sorted_by_the_bytes_of_their_keys():
    """UTF-8 order decides, not the order of entry nor that of UTF-16."""
    written = serialise({"\U0001f600": "3", "\uffff": "2", "a": "1"})
    assert written == bytes.fromhex(
        "0003 0001 61 0001 31 0003 efbfbf 0001 32 0004 f09f9880 0001 33".replace(" ", "")
    )


@pytest.mark.parametrize(
    "data",
    [
        "00",
        "0000",
        "0001",
        "0001 0001 61",
        "0001 0001 61 0001",
        "0001 0001 61 0000 00",
        "0002 0001 61 0000",
        "0002 0001 61 0000 0001 61 0000",
        "0002 0001 62 0000 0001 61 0000",
        "0001 0001 ff 0000",
        "0001 0001 61 0002 c080",
        "0001 0003 eda080 0000",
        "ffff 0001 61 0000",
        "0001 ffff 61",
    ],
)
def test_any_other_spelling_is_refused(data):
    """A wrong count, order, encoding or length is Tampered."""
    with pytest.raises(Tampered):
        parse(bytes.fromhex(data.replace(" ", "")))


@pytest.mark.parametrize(
    "context",
    [
        {"\ud800": "x"},
        {"x": "\udfff"},
        {"x" * 65_536: ""},
        {"x": "y" * 65_530},
        {"a": "x" * 40_000, "b": "x" * 40_000},
        {str(i): "" for i in range(65_536)},
    ],
)
def test_what_cannot_be_written_is_the_callers_mistake(context):
    """Text that is not Unicode and contexts beyond the length field are ValueErrors without the text."""
    with pytest.raises(ValueError, match=r"^(An encryption context|A field) ") as refusal:
        serialise(context)
    assert type(refusal.value) is ValueError


def test_the_longest_context_is_written_and_read():
    """65 535 bytes fit, and one more does not."""
    longest = {"x": "y" * (65_535 - 2 - 3 - 2)}
    assert len(serialise(longest)) == 65_535
    assert parse(serialise(longest)) == longest
    with pytest.raises(Tampered):
        parse(serialise(longest) + b"y")


@given(st.dictionaries(TEXT, TEXT, max_size=6))
@settings(max_examples=EXAMPLES, deadline=None)
def test_what_was_written_is_read(context):
    """Every context comes back, whatever order it was entered in."""
    written = serialise(context)
    assert parse(written) == context
    assert serialise(dict(reversed(context.items()))) == written


def spliced(position, removed, inserted):
    """Return the sample with some bytes replaced."""
    return SAMPLE[:position] + inserted + SAMPLE[position + removed :]


@given(
    st.one_of(
        st.binary(max_size=60),
        st.builds(spliced, st.integers(0, len(SAMPLE)), st.integers(0, 4), st.binary(max_size=4)),
    )
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_parser_raises_nothing_but_tampered(data):
    """Whatever bytes come, they are the one spelling of a context, or Tampered."""
    try:
        context = parse(data)
    except Tampered:
        return
    assert serialise(context) == data
