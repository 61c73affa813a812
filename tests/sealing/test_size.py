"""Sizes are computed exactly, before and after sealing."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.sealing.keys import NamedKey
from vault.sealing.message import seal
from vault.sealing.sealer import Sealer
from vault.sealing.size import Layout, header_length, object_size, plaintext_length

EXAMPLES = 5000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 200
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
CONTEXTS = st.dictionaries(TEXT.filter(lambda key: not key.startswith("aws-crypto-")), TEXT, max_size=4)
NAMESPACES = TEXT.filter(lambda namespace: not namespace.startswith("aws-kms"))
FRAMES = st.one_of(st.integers(1, 50), st.sampled_from([4096, 64 * 1024, 1024 * 1024]))


@given(NAMESPACES, TEXT, CONTEXTS, st.integers(0, 200), st.integers(1, 40))
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_size_of_a_message_is_known_before(namespace, name, context, length, frame):
    """Header and object have exactly the computed sizes, for any name, context and length."""
    key = NamedKey(name=name, secret=bytes(32), namespace=namespace)
    header = header_length(name, context, namespace=namespace)
    assert len(Sealer(key, context).header) == header
    assert len(seal(key, context, bytes(length), frame_length=frame)) == object_size(header, length, frame)


@given(st.integers(0, 10_000), st.integers(0, 2**40), FRAMES)
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_length_follows_from_the_size(header, length, frame):
    """Size and length determine each other, in both spellings of the final frame."""
    if length // frame >= 2**32 - 2:
        length %= frame
    assert plaintext_length(header, object_size(header, length, frame), frame) == length
    if length and length % frame == 0:
        other = Layout(header_length=header, frame_length=frame, plaintext_length=length, empty_final=True)
        assert other.object_size == object_size(header, length, frame) + 32
        assert Layout.of_object(header, other.object_size, frame) == other


@given(st.integers(0, 300), st.integers(0, 2000), st.integers(1, 50))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_size_is_that_of_one_layout_or_of_none(header, size, frame):
    """A size that is accepted is exactly the size of the layout that it gave."""
    try:
        layout = Layout.of_object(header, size, frame)
    except Tampered:
        return
    assert layout.object_size == size


@pytest.mark.parametrize(
    ("size", "frame"), [(0, 64), (139, 64), (140 + 65, 64), (140 + 95, 64), (140 + 2**40, 1)]
)
def test_a_size_that_no_object_has_is_refused(size, frame):
    """Objects too short for a final frame, or with a final frame longer than a frame, are Tampered."""
    with pytest.raises(Tampered):
        plaintext_length(100, size, frame)


@pytest.mark.parametrize(("length", "size"), [(0, 140), (1, 141), (64, 204), (65, 237), (128, 300)])
def test_the_sizes_of_the_page(length, size):
    """The worked examples of FORMAT.md, with a header of 100 bytes and frames of 64."""
    assert object_size(100, length, 64) == size


def test_the_header_of_the_page():
    """A header has 166 bytes beside namespace, name and context, as FORMAT.md says."""
    assert header_length("recording/r", {"a": "b"}) == 166 + len("callvault") + len("recording/r") + 8


@pytest.mark.parametrize(
    "numbers",
    [
        {"plaintext_length": -1},
        {"frame_length": 0},
        {"header_length": -1},
        {"plaintext_length": 65, "empty_final": True},
        {"plaintext_length": 0, "empty_final": True},
        {"frame_length": 1, "plaintext_length": 2**32},
    ],
)
def test_a_layout_that_cannot_be_is_the_callers_mistake(numbers):
    """Numbers that no object has are ValueErrors."""
    sound = {"header_length": 100, "frame_length": 64, "plaintext_length": 64}
    with pytest.raises(ValueError, match="frame"):
        Layout(**(sound | numbers))
