"""The short form of messages in a recording's row: smaller, whole again to the last byte, and nothing else is taken."""

import secrets

import pytest

from vault.database.stores.short_form import lengthen, shorten
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.encryption_context import Purpose
from vault.errors import Tampered
from vault.sealing.header import parse_header
from vault.sealing.keys import NamedKey, month_key, recording_key
from vault.sealing.message import open_message, seal

ACCOUNT, RECORDING = f"acct_{secrets.token_hex(16)}", f"rec_{secrets.token_hex(16)}"
EVIDENCE = secrets.token_hex(32)
KEY = recording_key(RECORDING, secrets.token_bytes(32))
PURPOSES: tuple[Purpose, ...] = ("audio", "rendition", "details", "evidence")


def sealed(purpose: Purpose, text: bytes = b"text", key: NamedKey = KEY, evidence: str = EVIDENCE) -> bytes:
    """Return a message of the recording."""
    return seal(key, bound.of_recording(ACCOUNT, RECORDING, purpose, evidence), text)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("text", [b"", b"text", bytes(200_000)], ids=["empty", "short", "several frames"])
def test_a_message_comes_back_to_the_last_byte(purpose: Purpose, text: bytes):
    """The whole message, and a header alone; each is about 245 bytes shorter, and opens again."""
    message = sealed(purpose, text)
    header = parse_header(message).write()
    for whole in (message, header):
        short = shorten(whole, ACCOUNT, RECORDING, purpose)
        assert len(whole) - len(short) == 240 + len(purpose)
        assert lengthen(short, ACCOUNT, RECORDING, purpose) == whole
    context = bound.of_recording(ACCOUNT, RECORDING, purpose, EVIDENCE)
    again = lengthen(shorten(message, ACCOUNT, RECORDING, purpose), ACCOUNT, RECORDING, purpose)
    assert open_message(KEY, again, context=context) == text


def test_what_does_not_come_back_stays_whole():
    """Another key's name, another context, a digest in another form, two frame lengths, no message at all."""
    context = bound.of_recording(ACCOUNT, RECORDING, "details", EVIDENCE)
    others = [
        sealed("details", key=month_key(ACCOUNT, "2026-11-9f3a6c1e", secrets.token_bytes(32))),
        sealed("evidence"),
        sealed("details", evidence=EVIDENCE.upper()),
        sealed("details", evidence="ab"),
        sealed("details", evidence="no digest"),
        seal(KEY, {**context, "more": "x"}, b"text"),
        seal(KEY, context, b"text", frame_length=4096),
        sealed("details")[:100],
        b"",
        b"what a test stores",
    ]
    for message in others:
        assert shorten(message, ACCOUNT, RECORDING, "details") == message
        assert lengthen(message, ACCOUNT, RECORDING, "details") == message


def test_the_short_form_of_another_row_does_not_open():
    """Account, recording and purpose come from the row, so bytes that were moved to another row are tampered with."""
    short, other = shorten(sealed("details"), ACCOUNT, RECORDING, "details"), f"rec_{secrets.token_hex(16)}"
    rows: list[tuple[str, str, Purpose]] = [
        (f"acct_{secrets.token_hex(16)}", RECORDING, "details"), (ACCOUNT, other, "details"),
        (ACCOUNT, RECORDING, "evidence"),
    ]  # fmt: skip
    for account, recording, purpose in rows:
        message = lengthen(short, account, recording, purpose)
        with pytest.raises(Tampered):
            open_message(KEY, message, context=bound.of_recording(account, recording, purpose, EVIDENCE))


def test_a_short_form_that_was_changed_does_not_open():
    """Each byte counts; one that was cut is left as it is, so that a list of recordings still shows the others."""
    short = shorten(sealed("details"), ACCOUNT, RECORDING, "details")
    context = bound.of_recording(ACCOUNT, RECORDING, "details", EVIDENCE)
    for place in range(len(short)):
        changed = short[:place] + bytes([short[place] ^ 1]) + short[place + 1 :]
        with pytest.raises(Tampered):
            open_message(KEY, lengthen(changed, ACCOUNT, RECORDING, "details"), context=context)
    for cut in (1, 60, 170):
        assert lengthen(short[:cut], ACCOUNT, RECORDING, "details") == short[:cut]
