"""A wrapped key opens under its key, name and context, and under nothing else."""

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.sealing.keys import NamedKey, account_key
from vault.sealing.wrapping import OVERHEAD, unwrap, wrap

pytestmark = pytest.mark.faults

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
KEY = account_key("acc_1", 1, bytes(range(32)))
CONTEXT = {"account_id": "acc_1", "recording_id": "rec_7"}
SECRET = b"s" * 32
WRAPPED = wrap(KEY, SECRET, CONTEXT)


@pytest.mark.parametrize("length", [0, 1, 32, 64, 5000])
def test_what_was_wrapped_comes_back(length):
    """Secrets of any length come back, each 29 bytes longer while wrapped."""
    secret = os.urandom(length)
    wrapped = wrap(KEY, secret, CONTEXT)
    assert len(wrapped) == length + OVERHEAD == length + 29
    assert unwrap(KEY, wrapped, CONTEXT) == secret


def test_the_bytes_are_those_of_the_page():
    """The layout of FORMAT.md, put together by hand, opens."""
    aad = b"callvault/wrap/v1\0\x09callvault\0\x10account/acc_1/v1\0\x01\0\x01k\0\x01v"
    iv = b"i" * 12
    wrapped = b"\x01" + iv + AESGCM(KEY.secret).encrypt(iv, SECRET, aad)
    assert unwrap(KEY, wrapped, {"k": "v"}) == SECRET


def test_ivs_are_fresh():
    """The same secret is never wrapped to the same bytes."""
    assert len({wrap(KEY, SECRET, CONTEXT)[1:13] for _ in range(100)}) == 100


def test_every_flip_truncation_and_extension_is_refused():
    """No byte can be changed, cut off or added, the version byte included."""
    for position in range(len(WRAPPED)):
        changed = bytearray(WRAPPED)
        changed[position] ^= 1
        with pytest.raises(Tampered):
            unwrap(KEY, bytes(changed), CONTEXT)
        with pytest.raises(Tampered):
            unwrap(KEY, WRAPPED[:position], CONTEXT)
    with pytest.raises(Tampered):
        unwrap(KEY, WRAPPED + b"\0", CONTEXT)


@pytest.mark.parametrize(
    "key",
    [
        account_key("acc_1", 1, bytes(32)),
        account_key("acc_1", 2, KEY.secret),
        NamedKey(name=KEY.name, secret=KEY.secret, namespace="elsewhere"),
        NamedKey(name=KEY.name[1:], secret=KEY.secret, namespace=KEY.namespace + KEY.name[0]),
    ],
)
def test_another_key_is_refused(key):
    """Secret, name and namespace must all be those of the key that wrapped."""
    with pytest.raises(Tampered):
        unwrap(key, WRAPPED, CONTEXT)


@pytest.mark.parametrize("context", [{}, CONTEXT | {"recording_id": "rec_8"}, CONTEXT | {"x": ""}])
def test_another_context_is_refused(context):
    """A wrapped key that was moved to another row does not open there."""
    with pytest.raises(Tampered):
        unwrap(KEY, WRAPPED, context)


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=100).map(b"\x01".__add__)))
@settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_but_tampered_comes_out(data):
    """Whatever bytes come, they are Tampered."""
    with pytest.raises(Tampered):
        unwrap(KEY, data, CONTEXT)
