"""A small message opens to what was sealed, and anything that is not exactly it is refused."""

import pytest

from vault.errors import Tampered
from vault.sealing.header import parse_header
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer

pytestmark = pytest.mark.faults

FRAME = 64
KEY = recording_key("rec_7", bytes(range(32)))
CONTEXT = {"account_id": "acc_1", "recording_id": "rec_7", "purpose": "details", "evidence": "ab"}
PLAINTEXT = bytes(range(2 * FRAME + 9))
BOUNDARIES = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 5 * FRAME + 7]


def seal_with_empty_final(plaintext, frame=FRAME):
    """Seal whole frames in the spelling of the SDK: regular frames, and an empty final one."""
    sealer = Sealer(KEY, CONTEXT, frame_length=frame)
    frames = sealer.update(plaintext + b"x")
    sealer._pending.clear()
    return sealer.header + frames + sealer.finish()


SPELLINGS = {
    "ends within a frame": (PLAINTEXT, seal(KEY, CONTEXT, PLAINTEXT, frame_length=FRAME)),
    "ends with a full frame": (PLAINTEXT[:128], seal(KEY, CONTEXT, PLAINTEXT[:128], frame_length=FRAME)),
    "ends with an empty frame": (PLAINTEXT[:128], seal_with_empty_final(PLAINTEXT[:128])),
    "is empty": (b"", seal(KEY, CONTEXT, b"", frame_length=FRAME)),
}
spellings = pytest.mark.parametrize(("plaintext", "message"), SPELLINGS.values(), ids=SPELLINGS.keys())


def open_by_ranges(message, plaintext, *, size=None, **expected):
    """Open every frame through an Opener that pins everything, from an object of any bytes."""
    original = {"context": CONTEXT, "plaintext_length": len(plaintext), **expected}
    opener = Opener(KEY, message, object_size=len(message) if size is None else size, **original)
    opened = b""
    for start in range(0, max(len(plaintext), 1), FRAME):
        end = min(start + FRAME, len(plaintext))
        first, last = opener.span(start, end)
        opened += opener.open(start, end, message[first:last])
    return opened


def refuse(message, plaintext, message_id):
    """Assert that neither way of reading takes this message for the original."""
    with pytest.raises(Tampered):
        open_message(KEY, message, context=CONTEXT)
    with pytest.raises(Tampered):
        open_by_ranges(message, plaintext, message_id=message_id)


@pytest.mark.parametrize("length", BOUNDARIES)
def test_what_was_sealed_opens(length):
    """Every boundary length comes back, whole and by ranges."""
    plaintext = bytes(i % 251 for i in range(length))
    message = seal(KEY, CONTEXT, plaintext, frame_length=FRAME)
    assert open_message(KEY, message, context=CONTEXT) == plaintext
    assert open_by_ranges(message, plaintext) == plaintext


@spellings
def test_both_spellings_of_the_end_open(plaintext, message):
    """Full and empty final frames are both read, whole and by ranges."""
    assert open_message(KEY, message, context=CONTEXT) == plaintext
    assert open_by_ranges(message, plaintext) == plaintext


@spellings
def test_every_flipped_bit_is_refused(plaintext, message):
    """No byte of a message can be changed, header and final frame included."""
    message_id = parse_header(message).message_id
    for position in range(len(message)):
        for bit in (1, 0x80):
            changed = bytearray(message)
            changed[position] ^= bit
            refuse(bytes(changed), plaintext, message_id)


@spellings
def test_every_truncation_is_refused(plaintext, message):
    """No end of a message can be cut off, at a frame boundary or elsewhere."""
    message_id = parse_header(message).message_id
    for length in range(len(message)):
        refuse(message[:length], plaintext, message_id)


@spellings
def test_a_truncation_is_refused_even_where_the_size_is_not_asked(plaintext, message):
    """An Opener that believes the stored size finds the missing bytes when it reads them."""
    header = len(parse_header(message).write())
    for length in range(header, len(message)):
        with pytest.raises(Tampered):
            open_by_ranges(message[:length], plaintext, size=len(message))


@spellings
def test_every_extension_is_refused(plaintext, message):
    """Nothing can be put behind a message or before it."""
    message_id = parse_header(message).message_id
    for more in (b"\0", message[-1:], bytes(32), bytes(40), message):
        refuse(message + more, plaintext, message_id)
    refuse(b"\0" + message, plaintext, message_id)


def frame_bounds(message):
    """Return where the two regular frames of the first spelling begin and end."""
    start = len(parse_header(message).write())
    step = FRAME + 32
    return start, start + step, start + 2 * step


def test_swapped_frames_are_refused():
    """Frames cannot change places, neither as they are nor with their sequence numbers set right."""
    plaintext, message = SPELLINGS["ends within a frame"]
    a, b, c = frame_bounds(message)
    message_id = parse_header(message).message_id
    first, second = message[a:b], message[b:c]
    refuse(message[:a] + second + first + message[c:], plaintext, message_id)
    renumbered = first[:4] + second[4:] + second[:4] + first[4:]
    refuse(message[:a] + renumbered + message[c:], plaintext, message_id)
    refuse(message[:a] + first + first + message[c:], plaintext, message_id)


def test_frames_of_another_message_are_refused():
    """A frame from the same place of another message under the same key does not fit."""
    plaintext, message = SPELLINGS["ends within a frame"]
    other = seal(KEY, CONTEXT, plaintext, frame_length=FRAME)
    a, b, _ = frame_bounds(message)
    refuse(message[:a] + other[a:b] + message[b:], plaintext, parse_header(message).message_id)
    refuse(message[:a] + other[a:], plaintext, parse_header(message).message_id)


@pytest.mark.parametrize(
    "context",
    [{}, CONTEXT | {"recording_id": "rec_8"}, CONTEXT | {"more": ""}, {"account_id": "acc_1"}],
)
def test_another_context_is_refused(context):
    """The context must be equal: not another, not a part, not more."""
    plaintext, message = SPELLINGS["ends within a frame"]
    with pytest.raises(Tampered):
        open_message(KEY, message, context=context)
    with pytest.raises(Tampered):
        open_by_ranges(message, plaintext, context=context)


def test_another_message_of_the_same_context_is_refused_by_its_id():
    """An older message of the same recording opens only where no message id is pinned."""
    plaintext, message = SPELLINGS["ends within a frame"]
    older = seal(KEY, CONTEXT, plaintext, frame_length=FRAME)
    pinned = parse_header(message).message_id
    assert open_message(KEY, message, context=CONTEXT, message_id=pinned) == plaintext
    assert open_message(KEY, older, context=CONTEXT) == plaintext
    with pytest.raises(Tampered):
        open_message(KEY, older, context=CONTEXT, message_id=pinned)
    with pytest.raises(Tampered):
        open_by_ranges(older, plaintext, message_id=pinned)


@pytest.mark.parametrize("change", [-65, -64, -9, -1, 1, 55, 64])
def test_another_length_is_refused(change):
    """A pinned length that is not that of the object is refused, with and without its size."""
    plaintext, message = SPELLINGS["ends within a frame"]
    length = len(plaintext) + change
    with pytest.raises(Tampered):
        open_by_ranges(message, plaintext, plaintext_length=length)
    opener = Opener(KEY, message, plaintext_length=length, context=CONTEXT)
    first, last = opener.span(length - 1, length)
    stored = message[first:last].ljust(last - first, b"\0")
    with pytest.raises(Tampered):
        opener.open(length - 1, length, stored)


@pytest.mark.parametrize(
    "key",
    [
        recording_key("rec_7", bytes(32)),
        recording_key("rec_8", KEY.secret),
        NamedKey(name=KEY.name, secret=KEY.secret, namespace="elsewhere"),
    ],
)
def test_another_key_is_refused(key):
    """Secret, name and namespace must all be those of the key that sealed."""
    _, message = SPELLINGS["ends within a frame"]
    with pytest.raises(Tampered):
        open_message(key, message, context=CONTEXT)
