"""The header parser takes one spelling of what the vault reads, and refuses the rest with Tampered."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.sealing import context as contexts
from vault.sealing.datakey import derive, header_tag, wrap_data_key
from vault.sealing.header import MAX_DATA_KEYS, EncryptedDataKey, Header, parse_header
from vault.sealing.keys import recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer

pytestmark = pytest.mark.faults

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
KEY = recording_key("rec_7", bytes(range(32)))
CONTEXT = {"account_id": "acc_1", "purpose": "audio"}
SERIALISED = contexts.serialise(CONTEXT)
FOREIGN = EncryptedDataKey(provider=b"aws-kms", info=b"arn:key", ciphertext=bytes(184))
MESSAGE = seal(KEY, CONTEXT, bytes(100), frame_length=32)
HEADER = parse_header(MESSAGE)
BODY = HEADER.body()


def make(*, data_key=b"d" * 32, committed=b"d" * 32, data_keys=None, context=CONTEXT):
    """Return a header with a right tag, over a commitment that may be to another data key."""
    cipher, _ = derive(data_key, bytes(32))
    _, commitment = derive(committed, bytes(32))
    wrapped = wrap_data_key(KEY, data_key, contexts.serialise(context))
    header = Header(
        message_id=bytes(32),
        context=context,
        data_keys=(wrapped,) if data_keys is None else data_keys,
        frame_length=64,
        commitment=commitment,
    )
    return replace(header, tag=header_tag(cipher, header.body()))


def opens(header):
    """Open it, in its written form."""
    Opener(KEY, header.write(), plaintext_length=1, context=header.context)


def test_a_header_is_read_from_a_prefix_of_the_object():
    """What follows the header is not looked at, and what was read is written back the same."""
    header = Sealer(KEY, CONTEXT).header
    assert parse_header(header + b"more").write() == header
    assert parse_header(memoryview(bytearray(header))).write() == header


def test_a_header_cut_short_is_refused():
    """Every header ends within what the reader fetches, so a shorter one is no header."""
    written = HEADER.write()
    for length in range(len(written)):
        with pytest.raises(Tampered):
            parse_header(written[:length])


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, b"\x01"),
        (0, b"\x03"),
        (1, b"\x05\x78"),
        (1, b"\x01\x78"),
        (1, b"\x00\x14"),
        (len(BODY) - 37, b"\x01"),
    ],
)
def test_another_version_suite_or_content_type_is_refused(position, value):
    """Version 1, signed and uncommitted suites, and non-framed messages are not read."""
    changed = bytearray(MESSAGE)
    changed[position : position + len(value)] = value
    with pytest.raises(Tampered, match=r"version|suite|framed"):
        parse_header(changed)


@pytest.mark.parametrize("frame_length", [0, 1024 * 1024 + 1, 2**31, 2**32 - 1])
def test_a_frame_length_beyond_the_limits_is_refused(frame_length):
    """A header cannot make the reader divide by zero or fetch a huge frame."""
    with pytest.raises(Tampered, match="frame length"):
        parse_header(replace(HEADER, frame_length=frame_length).write())
    assert parse_header(replace(HEADER, frame_length=1024 * 1024).write())


@pytest.mark.parametrize("count", [0, MAX_DATA_KEYS + 1])
def test_no_data_key_or_too_many_are_refused(count):
    """A header has one to four data keys."""
    with pytest.raises(Tampered, match="data key"):
        parse_header(replace(HEADER, data_keys=(FOREIGN,) * count).write())
    assert len(parse_header(replace(HEADER, data_keys=(FOREIGN,) * 4).write()).data_keys) == 4


def test_a_header_beyond_the_limit_is_refused():
    """A header of 16 KiB is read, and one byte more is not."""
    spare = 16 * 1024 - len(HEADER.write()) + len(FOREIGN.ciphertext)
    for more, accepted in ((0, True), (1, False)):
        ciphertext = bytes(spare - 6 - len(FOREIGN.provider) - len(FOREIGN.info) + more - 184)
        padded = replace(FOREIGN, ciphertext=ciphertext)
        written = replace(HEADER, data_keys=(*HEADER.data_keys, padded)).write()
        assert len(written) == 16 * 1024 + more
        if accepted:
            assert parse_header(written).write() == written
        else:
            with pytest.raises(Tampered):
                parse_header(written)


def test_a_key_finds_its_own_data_key_among_others():
    """Data keys of other providers, of namesakes and of wrong lengths are passed over."""
    own = wrap_data_key(KEY, b"d" * 32, SERIALISED)
    damaged = replace(own, ciphertext=bytes(48))
    short = replace(own, ciphertext=own.ciphertext[:-1])
    opens(make(data_keys=(FOREIGN, damaged, short, own)))
    for other in (FOREIGN, damaged, short, replace(own, info=b"\0" + own.info)):
        with pytest.raises(Tampered, match="can be decrypted under this key"):
            opens(make(data_keys=(other,)))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_data_key_of_another_length_is_refused(length):
    """What the key itself wrapped is no data key unless it has 32 bytes."""
    data_key = b"d" * length
    with pytest.raises(Tampered, match="can be decrypted under this key"):
        opens(make(data_key=data_key, committed=data_key))


@pytest.mark.parametrize("position", range(-20, 0))
def test_the_lengths_in_the_key_information_are_exact(position):
    """Another tag length, IV length or IV than was wrapped with is refused."""
    own = wrap_data_key(KEY, b"d" * 32, SERIALISED)
    info = bytearray(own.info)
    info[position] ^= 1
    with pytest.raises(Tampered, match="can be decrypted under this key"):
        opens(make(data_keys=(replace(own, info=bytes(info)),)))


def test_a_commitment_to_another_data_key_is_refused():
    """A header whose tag and data key are right, but whose commitment is to another key, is refused."""
    opens(make())
    with pytest.raises(Tampered, match="committed"):
        opens(make(committed=b"e" * 32))


def test_a_header_tag_of_another_header_is_refused():
    """The header tag covers the frame length, which nothing else does."""
    with pytest.raises(Tampered, match="header"):
        opens(replace(make(), frame_length=65))


def edits(original):
    """Return a strategy of messages that were cut, overwritten and spliced in some places."""
    edit = st.tuples(st.integers(0, len(original)), st.integers(0, 8), st.binary(max_size=8))

    def apply(changes):
        changed = bytearray(original)
        for position, removed, inserted in changes:
            changed[position : position + removed] = inserted
        return bytes(changed)

    return st.lists(edit, min_size=1, max_size=4).map(apply)


@given(
    st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(b"\x02\x04\x78".__add__), edits(MESSAGE))
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_parser_raises_nothing_but_tampered(data):
    """Whatever bytes come, they are a header that is written back the same, or Tampered."""
    try:
        header = parse_header(data)
    except Tampered:
        return
    assert data.startswith(header.write())


@given(st.one_of(st.binary(max_size=400), edits(MESSAGE)))
@settings(max_examples=EXAMPLES, deadline=None)
def test_opening_raises_nothing_but_tampered(data):
    """Whatever bytes come, they are the message that was sealed, or Tampered."""
    try:
        opened = open_message(KEY, data, context=CONTEXT)
    except Tampered:
        assert data != MESSAGE
        return
    assert (data, opened) == (MESSAGE, bytes(100))
