"""Notes are those of Go's sumdb/note byte for byte, and open for known keys alone."""

import os
from base64 import b64decode, b64encode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vault.errors import Invalid, Tampered
from vault.tlog.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    Signer,
    Verifier,
    open_note,
    parse_verifier,
    sign_note,
)

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
#: The keys and notes of golang.org/x/mod/sumdb/note, note_test.go.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER, ENOCH = parse_verifier(PETER_KEY), parse_verifier(ENOCH_KEY)
SIGNER = Signer(name="PeterNeumann", secret=PETER_SECRET)
NOTE = (TEXT + "\n" + PETER_LINE).encode()


def written(*lines, text=TEXT):
    """Return the bytes of a note."""
    return (text + "\n" + "".join(lines)).encode()


def test_signing_gives_the_published_note():
    """Go's secret key and text give Go's note byte for byte, and its verifier key."""
    assert sign_note(TEXT, [SIGNER]) == NOTE
    assert SIGNER.verifier == PETER
    assert PETER.write() == PETER_KEY
    assert PETER.key_id.hex() == "c74f20a3"


@pytest.mark.parametrize(
    ("lines", "known", "signed_by"),
    [
        ([PETER_LINE, ENOCH_LINE], [PETER], (PETER,)),
        ([PETER_LINE, ENOCH_LINE], [ENOCH, PETER], (PETER, ENOCH)),
        ([PETER_LINE, PETER_LINE, ENOCH_LINE], [PETER, PETER], (PETER,)),
        ([ENOCH_LINE] * 99 + [PETER_LINE], [PETER], (PETER,)),
    ],
    ids=["one-known", "both-known", "repeated", "many"],
)
def test_a_note_opens_for_its_known_keys(lines, known, signed_by):
    """Signatures of unknown keys are passed over, and each known key counts once."""
    assert open_note(written(*lines), known) == Note(text=TEXT, signed_by=signed_by)


def test_sixteen_signatures_of_five_kilobytes_are_read():
    """A reader allows what the specification asks it to allow."""
    large = [f"— witness{i} {b64encode(bytes([i]) * 5000).decode()}\n" for i in range(15)]
    assert open_note(written(*large, PETER_LINE), [PETER]).text == TEXT


@pytest.mark.parametrize("half", [{"name": "Peter"}, {"public_key": ENOCH.public_key}])
def test_half_a_name_is_not_known(half):
    """A verifier that shares only name or only key with a signature does not know it."""
    stranger = Verifier(**{"name": PETER.name, "public_key": PETER.public_key} | half)
    with pytest.raises(Tampered, match="no signature of a known key"):
        open_note(NOTE, [stranger])


def test_a_wrong_signature_of_a_known_key_refuses_the_note():
    """It is not passed over, though another known key signed well; nor is one of another length."""
    raw = b64decode(PETER_LINE.split()[2])
    for wrong in (raw[:-1] + b"\x00", raw[:-1], raw + b"\x00", raw[:5]):
        line = f"— PeterNeumann {b64encode(wrong).decode()}\n"
        for lines in ([line], [ENOCH_LINE, line], [PETER_LINE, line]):
            with pytest.raises(Tampered, match="signature of a known key is not valid"):
                open_note(written(*lines), [PETER, ENOCH])


MALFORMED = {
    "nothing": b"",
    "no-signatures": TEXT.encode(),
    "empty-signatures": written(),
    "no-last-line-feed": NOTE[:-1],
    "blank-line-at-the-end": NOTE + b"\n",
    "control-character": b"\x01" + NOTE,
    "tab": NOTE.replace(b"you ", b"you\t"),
    "carriage-returns": NOTE.replace(b"\n", b"\r\n"),
    "not-utf-8": b"\xff" + NOTE,
    "surrogate": b"\xed\xa0\x80" + NOTE,
    "no-blank-line": (TEXT + PETER_LINE).encode(),
    "space-in-name": written(PETER_LINE.replace("Peter", "Peter ")),
    "wide-space-in-name": written(PETER_LINE, ENOCH_LINE.replace("Enoch", "Enoch\u3000")),
    "plus-in-name": written(PETER_LINE, ENOCH_LINE.replace("Enoch", "Enoch+")),
    "empty-name": written(PETER_LINE, ENOCH_LINE.replace("EnochRoot", "")),
    "hyphen-for-dash": written(PETER_LINE, ENOCH_LINE.replace("—", "-")),
    "no-dash": written(PETER_LINE, ENOCH_LINE.removeprefix("— ")),
    "unexpected-line": written(PETER_LINE, "Unexpected line.\n"),
    "no-signature": written(PETER_LINE, "— EnochRoot\n"),
    "empty-signature": written(PETER_LINE, "— EnochRoot \n"),
    "key-id-alone": written(PETER_LINE, "— EnochRoot rwz+eA==\n"),
    "unpadded": written(PETER_LINE, ENOCH_LINE.replace("=", "")),
    "overpadded": written(PETER_LINE, ENOCH_LINE.replace("=", "==")),
    "stray-bits": written(PETER_LINE, ENOCH_LINE.replace("QQ=", "QR=")),
    "url-alphabet": written(PETER_LINE, ENOCH_LINE.replace("+", "-").replace("/", "_")),
    "trailing-space": written(PETER_LINE, ENOCH_LINE.replace("\n", " \n")),
    "too-many": written(*[PETER_LINE] * (MAX_SIGNATURES + 1)),
    "too-long": sign_note("x" * MAX_NOTE_BYTES + "\n", [SIGNER]),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_note_is_refused(data):
    """One wrong byte anywhere refuses the note, though a known key signed it and no matter who wrote the wrong line."""
    with pytest.raises(Tampered):
        open_note(data, [PETER])


def test_every_flipped_bit_and_every_cut_is_refused():
    """No note one bit or some bytes away from the signed one opens."""
    for i in range(len(NOTE) * 8):
        flipped = bytearray(NOTE)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(Tampered):
            open_note(bytes(flipped), [PETER])
    for length in range(len(NOTE)):
        with pytest.raises(Tampered):
            open_note(NOTE[:length], [PETER])


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=300) | st.text(alphabet="— \n+aQ=/\x00\u3000", max_size=60).map(str.encode))
@example(b"\n\n")
@example("\n\n— ".encode())
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(data):
    """Whatever comes, the answer is Tampered."""
    with pytest.raises(Tampered):
        open_note(data, [PETER, ENOCH])


@settings(max_examples=EXAMPLES)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(i) for i in range(32)])))
def test_any_text_is_signed_and_opened(text):
    """A text of any lines, empty ones and false signatures included, comes back as it was."""
    text = text.replace("x", "\n") + "\n\n" + PETER_LINE
    assert open_note(sign_note(text, [SIGNER]), [PETER]).text == text


@pytest.mark.parametrize("text", ["", "no line feed", "a\rb\n", "\x00\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text):
    """The writer keeps to what the reader takes."""
    with pytest.raises(ValueError, match="line feed"):
        sign_note(text, [SIGNER])


def test_a_mangled_verifier_key_is_refused():
    """Every part of a verifier key, every changed character, and Go's two adjusted keys are Invalid."""
    mangled = [PETER_KEY[i:j] for i in range(len(PETER_KEY)) for j in range(i, len(PETER_KEY) + 1)]
    mangled.remove(PETER_KEY)
    for i, letter in enumerate(PETER_KEY):
        mangled.append(PETER_KEY[:i] + chr(ord(letter) + 1) + PETER_KEY[i + 1 :])
    mangled += [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        "\ud800" + PETER_KEY,
        PETER_KEY + "\n",
    ]
    for text in mangled:
        with pytest.raises(Invalid) as refused:
            parse_verifier(text)
        assert refused.value.field == "verifier_key"


@settings(max_examples=EXAMPLES)
@given(st.text() | st.text(alphabet="a+1cQ=", max_size=60))
def test_an_arbitrary_verifier_key_is_invalid(text):
    """Whatever comes, the answer is Invalid."""
    with pytest.raises(Invalid):
        parse_verifier(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u2028b", "a\x1fb", "\udfff"])
def test_a_name_that_no_line_can_carry_is_refused(name):
    """Neither signer nor verifier takes it, and the error shows nothing of the secret."""
    for make in (
        lambda: Signer(name=name, secret=bytes(32)),
        lambda: Verifier(name=name, public_key=bytes(32)),
    ):
        with pytest.raises(ValueError, match="name without spaces or plus"):
            make()


def test_a_signer_shows_nothing_of_itself():
    """Its repr holds no name and no byte of the secret."""
    assert repr(SIGNER) == f"{SIGNER}" == "Signer(...)"
