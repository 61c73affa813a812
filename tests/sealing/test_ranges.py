"""A range of plaintext is a range of the object: one span, only the frames needed, all of them checked."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.sealing.header import parse_header
from vault.sealing.keys import recording_key
from vault.sealing.message import seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer

EXAMPLES = 5000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 150
KEY = recording_key("rec_7", bytes(range(32)))
CONTEXT = {"purpose": "audio"}


def make(frame, length, *, empty_final):
    """Return plaintext and message; with ``empty_final`` in the SDK's spelling where there are two."""
    plaintext = bytes(i % 251 for i in range(length))
    sealer = Sealer(KEY, CONTEXT, frame_length=frame)
    if empty_final and length and length % frame == 0:
        body = sealer.update(plaintext + b"x")
        sealer._pending.clear()
    else:
        body = sealer.update(plaintext)
    return plaintext, sealer.header + body + sealer.finish()


def walk(message):
    """Read the frames one after another, as the format says, and return their bounds.

    Each is (first plaintext byte, end of plaintext, first object byte, end in the object, final).
    """
    header = parse_header(message)
    position, plain, frames = len(header.write()), 0, []
    while position < len(message):
        final = message[position : position + 4] == b"\xff" * 4
        length = header.frame_length
        if final:
            length = int.from_bytes(message[position + 20 : position + 24], "big")
        end = position + length + (40 if final else 32)
        frames.append((plain, plain + length, position, end, final))
        position, plain = end, plain + length
    return frames


@st.composite
def requests(draw):
    """Draw a message and a range of it."""
    frame = draw(st.integers(1, 40))
    length = draw(st.one_of(st.integers(1, 300), st.integers(1, 6).map(lambda n: n * frame)))
    start = draw(st.integers(0, length - 1))
    return frame, length, draw(st.booleans()), start, draw(st.integers(start + 1, length))


@given(requests())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_range_is_the_plaintext_and_needs_only_its_frames(request_):
    """Every range equals its plaintext, and its span holds the frames it touches, not one more."""
    frame, length, empty_final, start, end = request_
    plaintext, message = make(frame, length, empty_final=empty_final)
    opener = Opener(KEY, message, plaintext_length=length, context=CONTEXT, object_size=len(message))
    needed = [
        (first, last)
        for low, high, first, last, final in walk(message)
        if (low < end and start < high) or (final and end == length)
    ]
    span = opener.span(start, end)
    assert span == (needed[0][0], needed[-1][1])
    assert opener.open(start, end, message[span[0] : span[1]]) == plaintext[start:end]


@given(requests(), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_frame_of_a_span_is_authenticated(request_, data):
    """A flipped bit anywhere in the span is refused, also in bytes that were not asked for."""
    frame, length, empty_final, start, end = request_
    _, message = make(frame, length, empty_final=empty_final)
    opener = Opener(KEY, message, plaintext_length=length, context=CONTEXT, object_size=len(message))
    first, last = opener.span(start, end)
    stored = bytearray(message[first:last])
    position = data.draw(st.integers(0, len(stored) - 1))
    stored[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Tampered):
        opener.open(start, end, stored)


def test_damage_elsewhere_does_not_stop_a_range():
    """A range opens although a frame that it does not touch is damaged."""
    plaintext, message = make(64, 300, empty_final=False)
    opener = Opener(KEY, message, plaintext_length=300, context=CONTEXT, object_size=len(message))
    damaged = message[:-1] + bytes([message[-1] ^ 1])
    first, last = opener.span(64, 200)
    assert opener.open(64, 200, damaged[first:last]) == plaintext[64:200]


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (10, 10), (-1, 3), (4, 3), (0, 11), (11, 12)])
def test_a_range_without_bytes_or_outside_is_the_callers_mistake(start, end):
    """Such a range is a ValueError, and no matter of the stored bytes."""
    message = seal(KEY, CONTEXT, bytes(10), frame_length=4)
    opener = Opener(KEY, message, plaintext_length=10, context=CONTEXT)
    with pytest.raises(ValueError, match="range"):
        opener.span(start, end)
    with pytest.raises(ValueError, match="range"):
        opener.open(start, end, b"")


def test_the_empty_range_of_an_empty_message_is_authenticated():
    """Nothing is read out of an empty message only after its final frame proved that it is empty."""
    message = seal(KEY, CONTEXT, b"")
    opener = Opener(KEY, message, plaintext_length=0, context=CONTEXT)
    first, last = opener.span(0, 0)
    assert (opener.object_size, last - first) == (len(message), 40)
    assert opener.open(0, 0, message[first:last]) == b""
    with pytest.raises(Tampered):
        opener.open(0, 0, b"")
    with pytest.raises(Tampered):
        opener.open(0, 0, message[first : last - 1] + bytes([message[last - 1] ^ 1]))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_ciphertext_may_be_any_bytes(kind):
    """Bytes, bytearrays and views are opened alike, and bytes come out."""
    plaintext, message = make(8, 50, empty_final=False)
    opener = Opener(KEY, kind(message), plaintext_length=50, context=CONTEXT)
    first, last = opener.span(3, 44)
    opened = opener.open(3, 44, kind(message)[first:last])
    assert (type(opened), opened) == (bytes, plaintext[3:44])


def test_the_iv_is_the_one_that_was_stored():
    """A writer that counts IVs otherwise is read: the tag covers the IV, the AAD covers the place."""
    sealer = Sealer(KEY, CONTEXT)
    number, iv = (1).to_bytes(4, "big"), b"\xff" * 8 + (1).to_bytes(4, "big")
    aad = sealer.message_id + b"AWSKMSEncryptionClient Final Frame" + number + (5).to_bytes(8, "big")
    sealed = sealer._cipher.encrypt(iv, b"hello", aad)
    frame = b"\xff" * 4 + number + iv + (5).to_bytes(4, "big") + sealed
    opener = Opener(KEY, sealer.header, plaintext_length=5, context=CONTEXT)
    assert opener.open(0, 5, frame) == b"hello"
