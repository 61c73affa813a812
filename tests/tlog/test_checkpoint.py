"""Checkpoints are three lines, in one spelling, and speak for the log whose key signed them."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.errors import Tampered
from vault.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from vault.tlog.hashing import EMPTY_ROOT, MAX_SIZE
from vault.tlog.note import Signer, parse_verifier, sign_note

EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 300
ORIGIN = "example.com/behind-the-sofa"
SIGNER = Signer(name=ORIGIN, secret=bytes(range(32)))
NEXT = Signer(name=ORIGIN, secret=bytes(range(1, 33)))
OTHER = Signer(name="example.com/other", secret=bytes(range(2, 34)))
#: The text in the specification, c2sp.org/tlog-checkpoint.
TEXT = f"{ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
CHECKPOINT = Checkpoint(origin=ORIGIN, size=20852163, root=ROOT)


def test_the_text_is_that_of_the_specification():
    """The published example is written and read byte for byte."""
    assert CHECKPOINT.text() == TEXT
    assert parse_checkpoint(TEXT) == CHECKPOINT


def test_the_empty_tree_has_a_checkpoint():
    """Size 0 and SHA-256 of nothing."""
    empty = Checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
    assert empty.text() == f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert open_checkpoint(sign_checkpoint(empty, SIGNER), [SIGNER.verifier]) == empty


def test_a_checkpoint_opens_with_the_verifier_key_alone():
    """What was signed opens for who has the text of the verifier key, before and after the key is changed."""
    known = [parse_verifier(signer.verifier.write()) for signer in (SIGNER, NEXT)]
    assert open_checkpoint(sign_checkpoint(CHECKPOINT, SIGNER), known) == CHECKPOINT
    assert open_checkpoint(sign_checkpoint(CHECKPOINT, NEXT), known) == CHECKPOINT
    assert open_checkpoint(sign_note(TEXT, [OTHER, SIGNER]), known) == CHECKPOINT


def test_a_known_key_does_not_speak_for_another_log():
    """A note whose origin is not the name of a key that signed it is refused, known as the key may be."""
    with pytest.raises(Tampered, match="key of another log"):
        open_checkpoint(sign_note(TEXT, [OTHER]), [OTHER.verifier, SIGNER.verifier])
    with pytest.raises(ValueError, match="not the checkpoint's origin"):
        sign_checkpoint(CHECKPOINT, OTHER)


def test_an_unknown_key_is_refused():
    """Nothing is read from a note that no known key signed."""
    with pytest.raises(Tampered, match="no signature of a known key"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, NEXT), [SIGNER.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        TEXT + "extension\n",
        TEXT + "extension",
        TEXT + "\n",
        TEXT[:-1],
        TEXT.replace(ORIGIN, ""),
        TEXT.replace(ORIGIN, "two words"),
        TEXT.replace(ORIGIN, "a+b"),
        *(
            TEXT.replace("20852163", size)
            for size in (
                "",
                "-1",
                "+1",
                "007",
                "00",
                "1.0",
                "1e3",
                "0x10",
                "1_000",
                " 1",
                "1 ",
                "\N{ARABIC-INDIC DIGIT ONE}",
                "²",
                "9223372036854775808",
                "9" * 5000,
                "0",
            )
        ),
        TEXT.replace("q2I=", "q2J="),
        TEXT.replace("q2I=", "q2I"),
        TEXT.replace("CsUY", ""),
        TEXT.replace("CsUY", "CsUYCsUY"),
        TEXT.replace("CsUY", "Cs Y"),
        TEXT.replace("Xajj7h2f", "Xajj-h2f"),
    ],
)
def test_another_spelling_is_refused(text):
    """Lines, decimals and base64 have one form, no matter who signed them; size 0 has one root."""
    with pytest.raises(Tampered):
        parse_checkpoint(text)


def test_a_size_beyond_every_tree_is_no_decimal_of_the_log():
    """2^63 - 1 is read, and one more is refused as a number, before anything is made of it."""
    assert parse_checkpoint(TEXT.replace("20852163", str(MAX_SIZE))).size == MAX_SIZE
    with pytest.raises(Tampered, match="not a decimal"):
        parse_checkpoint(TEXT.replace("20852163", str(MAX_SIZE + 1)))


@settings(max_examples=EXAMPLES)
@given(st.text(alphabet="0123456789a/\nA=é \x00", max_size=80) | st.text())
def test_an_arbitrary_text_is_refused(text):
    """Whatever comes, the answer is Tampered."""
    with pytest.raises(Tampered):
        parse_checkpoint(text)


@settings(max_examples=EXAMPLES)
@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_comes_back(size, root):
    """Writing and reading give the same checkpoint, and the same text."""
    checkpoint = Checkpoint(origin=ORIGIN, size=size, root=root)
    assert parse_checkpoint(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": MAX_SIZE + 1},
        {"root": bytes(31)},
        {"origin": ""},
        {"origin": "a b"},
        {"size": 0},
    ],
)
def test_a_checkpoint_that_cannot_be_is_never_made(wrong):
    """No caller signs what no reader takes."""
    with pytest.raises(ValueError, match="A checkpoint"):
        Checkpoint(**{"origin": ORIGIN, "size": 1, "root": ROOT} | wrong)
