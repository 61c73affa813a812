"""A sealer takes blocks of any length, keeps a constant amount of memory, and is used once."""

import copy
import os
import pickle
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.sealing.header import MAX_FRAME_LENGTH, parse_header
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import open_message
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer

FULL = os.environ.get("CALLVAULT_FAULTS") == "1"
EXAMPLES = 5000 if FULL else 150
KEY = recording_key("rec_7", bytes(range(32)))
CONTEXT = {"purpose": "audio"}
MIB = 1024 * 1024


@given(st.integers(1, 40), st.lists(st.binary(max_size=120), max_size=8), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_how_the_plaintext_is_cut_into_blocks_does_not_show(frame, blocks, as_view):
    """Frames lie where the plaintext puts them, however it arrived, and no block holds one back."""
    sealer = Sealer(KEY, CONTEXT, frame_length=frame)
    plaintext, message = b"", sealer.header
    for block in blocks:
        plaintext += block
        reused = bytearray(block)
        message += sealer.update(memoryview(reused) if as_view else block)
        reused[:] = bytes(len(reused))
        complete = max(len(plaintext) - 1, 0) // frame
        assert len(message) == len(sealer.header) + complete * (frame + 32)
        assert sealer.plaintext_length == len(plaintext)
    message += sealer.finish()
    assert open_message(KEY, message, context=CONTEXT, message_id=sealer.message_id) == plaintext
    opener = Opener(KEY, sealer.header, plaintext_length=len(plaintext), context=CONTEXT)
    assert opener.object_size == len(message)


@pytest.mark.parametrize(("length", "last"), [(0, 0), (1, 1), (64, 64), (65, 1), (128, 64)])
def test_the_final_frame_is_full_at_a_multiple(length, last):
    """The final frame has 1 to F bytes, and none only in an empty message."""
    sealer = Sealer(KEY, CONTEXT, frame_length=64)
    sealer.update(bytes(length))
    final = sealer.finish()
    assert (final[:4], int.from_bytes(final[20:24], "big"), len(final)) == (b"\xff" * 4, last, 40 + last)


def test_header_says_what_was_asked_for():
    """The header carries key name, context, frame length and the id that the reader pins."""
    sealer = Sealer(KEY, CONTEXT, frame_length=1000)
    header = parse_header(sealer.header)
    assert (header.message_id, header.frame_length, dict(header.context)) == (
        sealer.message_id,
        1000,
        CONTEXT,
    )
    (data_key,) = header.data_keys
    assert data_key.provider == b"callvault"
    assert data_key.info[:-12] == b"recording/rec_7" + bytes([0, 0, 0, 128, 0, 0, 0, 12])
    assert parse_header(Sealer(KEY, CONTEXT).header).frame_length == 64 * 1024


def test_no_two_sealers_share_an_id_a_key_or_an_iv():
    """Message id, commitment, wrapped data key and its IV are fresh for each message."""
    headers = [parse_header(Sealer(KEY, CONTEXT).header) for _ in range(50)]
    assert len({h.message_id for h in headers}) == 50
    assert len({h.commitment for h in headers}) == 50
    assert len({h.data_keys[0].ciphertext for h in headers}) == 50
    assert len({h.data_keys[0].info[-12:] for h in headers}) == 50


def test_a_finished_sealer_stays_closed():
    """After finish every use raises, again and again."""
    sealer = Sealer(KEY, CONTEXT)
    sealer.finish()
    for _ in range(2):
        with pytest.raises(ValueError, match="closed"):
            sealer.update(b"x")
        with pytest.raises(ValueError, match="closed"):
            sealer.finish()


def test_a_sealer_that_failed_stays_closed():
    """Past the last sequence number the sealer raises, and then never uses a number again."""
    sealer = Sealer(KEY, CONTEXT, frame_length=1)
    sealer._sequence = 2**32 - 3
    assert sealer.update(b"xx")[:4] == (2**32 - 2).to_bytes(4, "big")
    with pytest.raises(ValueError, match="frames"):
        sealer.update(b"x")
    with pytest.raises(ValueError, match="closed"):
        sealer.finish()


def test_the_last_sequence_number_can_be_used():
    """A message may have exactly 2**32 - 1 frames."""
    sealer = Sealer(KEY, CONTEXT, frame_length=1)
    sealer._sequence = 2**32 - 3
    sealer.update(b"xx")
    assert sealer.finish()[4:8] == b"\xff" * 4


def test_a_sealer_cannot_be_doubled():
    """Copies and pickles are refused: they would use one IV for two plaintexts."""
    sealer = Sealer(KEY, CONTEXT)
    for double in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(ValueError, match="copied"):
            double(sealer)


@pytest.mark.parametrize("frame_length", [-1, 0, MAX_FRAME_LENGTH + 1, 2**32])
def test_a_frame_length_beyond_the_limits_is_the_callers_mistake(frame_length):
    """A sealer writes no frame length that a reader refuses."""
    with pytest.raises(ValueError, match="frame"):
        Sealer(KEY, CONTEXT, frame_length=frame_length)
    assert Sealer(KEY, CONTEXT, frame_length=MAX_FRAME_LENGTH).header


@pytest.mark.parametrize(
    ("context", "word"),
    [
        ({"aws-crypto-public-key": "x"}, "reserved"),
        ({"a": "x" * 16_384}, "header"),
        ({"a": "\ud800"}, "text"),
    ],
)
def test_a_context_that_cannot_be_read_back_is_the_callers_mistake(context, word):
    """Reserved keys, a header beyond the limit and text that is not Unicode are refused immediately."""
    with pytest.raises(ValueError, match=word):
        Sealer(KEY, context)


def test_a_namespace_of_the_key_service_is_the_callers_mistake():
    """A raw key does not pass for one of AWS KMS."""
    with pytest.raises(ValueError, match="aws-kms"):
        Sealer(NamedKey(name="x", secret=bytes(32), namespace="aws-kms"), CONTEXT)


def memory_of_a_stream(frame_length, blocks):
    """Return size and peak of traced memory after the first block of 1 MiB, and after the last."""
    block = os.urandom(MIB)
    sealer = Sealer(KEY, CONTEXT, frame_length=frame_length)
    tracemalloc.start()
    sealer.update(block)
    at_first = tracemalloc.get_traced_memory()
    for _ in range(blocks - 1):
        sealer.update(block)
    return at_first, tracemalloc.get_traced_memory()


@pytest.mark.parametrize("frame_length", [64 * 1024, 1000])
def test_memory_does_not_grow_with_the_stream(frame_length):
    """A long stream needs no more memory at its end than at its beginning."""
    blocks = 256 if FULL else 48
    print(f"{blocks} blocks of 1 MiB")
    # In a process of its own: what threads of other tests allocate would be counted too.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        measured = process.submit(memory_of_a_stream, frame_length, blocks).result()
    (size_at_first, peak_at_first), (size, peak) = measured
    assert MIB < peak_at_first < 1.5 * MIB
    # Between two blocks the sealer keeps less than a frame.
    assert peak < peak_at_first + MIB // 8
    assert size < size_at_first + MIB // 8
