"""Keys show nothing of themselves, compare in whole, and carry their names."""

import traceback

import pytest

from vault.errors import Tampered
from vault.sealing.header import parse_header
from vault.sealing.keys import NamedKey, account_key, recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer
from vault.sealing.wrapping import unwrap, wrap

SECRET = b"0123456789abcdefghijklmnopqrstuv"
KEY = recording_key("rec_7", SECRET)


def assert_silent(text):
    """Assert that a text holds the secret in no usual spelling."""
    for spelling in (SECRET.decode(), SECRET.hex(), repr(SECRET), str(list(SECRET))):
        assert spelling not in text
        assert spelling[4:20] not in text


def test_no_repr_shows_a_key():
    """Keys, and what holds them, show nothing of the secret."""
    sealer = Sealer(KEY, {})
    opener = Opener(KEY, sealer.header, plaintext_length=0, context={})
    for thing in (KEY, sealer, opener, parse_header(sealer.header), [KEY], {"key": KEY}):
        assert_silent(repr(thing))
        assert_silent(f"{thing}")


def test_no_error_shows_a_key():
    """A refusal says what is wrong without the key or the plaintext that it was about."""
    other = recording_key("rec_7", bytes(32))
    sealed, wrapped = seal(other, {}, SECRET), wrap(other, SECRET, {})
    for open_ in (lambda: open_message(KEY, sealed, context={}), lambda: unwrap(KEY, wrapped, {})):
        with pytest.raises(Tampered) as refusal:
            open_()
        assert_silent("".join(traceback.format_exception(refusal.value)))
    with pytest.raises(ValueError, match="32 bytes") as mistake:
        NamedKey(name="x", secret=SECRET + b"!")
    assert_silent(str(mistake.value))


def test_keys_are_equal_by_name_and_secret():
    """Two keys are equal when namespace, name and secret are."""
    assert recording_key("rec_7", bytes(SECRET)) == KEY
    assert recording_key("rec_7", bytes(32)) != KEY
    assert recording_key("rec_8", SECRET) != KEY
    assert NamedKey(name=KEY.name, secret=SECRET, namespace="elsewhere") != KEY
    assert KEY != SECRET
    assert len({KEY, recording_key("rec_7", bytes(SECRET))}) == 1


def test_names_say_what_a_key_is_for():
    """Account keys are named with their version, recording keys with their recording."""
    assert account_key("acc_1", 3, SECRET).name == "account/acc_1/v3"
    assert (KEY.namespace, KEY.name) == ("callvault", "recording/rec_7")
