"""Statements about keys are seven lines in one spelling, and pass for nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vault.errors import Tampered
from vault.tlog.checkpoint import open_checkpoint
from vault.tlog.key_statement import KeyStatement, open_statement, sign_statement
from vault.tlog.note import Signer, sign_note

SIGNER = Signer(name="vault.example/access-log", secret=bytes(range(32)))
OTHER = Signer(name="example.com/other", secret=bytes(range(1, 33)))
STATEMENT = KeyStatement(
    origin=SIGNER.name,
    owner="acct_1",
    version=3,
    recordings=0,
    at=datetime(2026, 11, 2, 12, 0, 0, 120, tzinfo=UTC),
    size=41,
)
TEXT = """vault.example/access-log
key-statement/v1
acct_1
version 3
recordings 0
2026-11-02T12:00:00.000120Z
size 41
"""


def test_the_text_is_as_it_is_written_down():
    """Each line is where the description has it, and what was signed opens with the public key."""
    assert STATEMENT.text() == TEXT
    assert open_statement(sign_statement(STATEMENT, SIGNER), [SIGNER.verifier]) == STATEMENT


def test_a_statement_passes_for_no_checkpoint():
    """Neither can be opened as the other, though one key signs both."""
    with pytest.raises(Tampered):
        open_checkpoint(sign_statement(STATEMENT, SIGNER), [SIGNER.verifier])
    empty = f"{SIGNER.name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    with pytest.raises(Tampered, match="not a statement"):
        open_statement(sign_note(empty, [SIGNER]), [SIGNER.verifier])


def test_a_key_speaks_for_its_own_log_alone():
    """A statement of another origin is refused, known as the key may be."""
    with pytest.raises(Tampered, match="another log"):
        open_statement(sign_note(TEXT, [OTHER]), [OTHER.verifier])
    with pytest.raises(ValueError, match="not the statement's origin"):
        sign_statement(STATEMENT, OTHER)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("v1", "v2"),
        ("version 3", "version 03"),
        ("version 3", "version 0"),
        ("version 3", "version -3"),
        ("recordings 0", "recordings"),
        ("recordings 0", "records 0"),
        ("acct_1", "acct 1"),
        (".000120Z", ".00012Z"),
        (".000120Z", ".000120+00:00"),
        ("size 41\n", "size 41\nmore\n"),
        ("size 41\n", ""),
    ],
)
def test_every_other_spelling_is_refused(line: str, other: str):
    """What is not spelled as it is written cannot be read, signed as it may be."""
    assert line in TEXT
    with pytest.raises(Tampered, match="statement"):
        open_statement(sign_note(TEXT.replace(line, other), [SIGNER]), [SIGNER.verifier])


@pytest.mark.parametrize(
    "wrong",
    [{"version": 0}, {"recordings": -1}, {"size": -1}, {"owner": "a b"}, {"at": datetime(2026, 1, 1)}],  # noqa: DTZ001 - that is what is wrong
)
def test_what_no_line_could_carry_is_not_made(wrong):
    """A number below its range, a name with a space, and a moment without a zone are refused immediately."""
    with pytest.raises(ValueError, match="statement"):
        replace(STATEMENT, **wrong)
