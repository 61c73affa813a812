"""What a hold covers, as JSON: it is read fast, because each erasure reads all holds, and strictly nevertheless."""

from typing import Any

import pytest

from vault.domain.retention.hold import RecordingSelection
from vault.domain.stored.retention_json import decode_covers, encode_covers
from vault.errors import Tampered

COVERS = RecordingSelection(
    recordings=frozenset({"rec_1"}),
    calls=frozenset({"call-1", "Gespräch \N{PERFORMING ARTS}"}),
    terms=frozenset({b"a", b"\xff" * 32}),
)


def test_it_is_read_as_it_was_written():
    """Also with a name of a call that is not ASCII."""
    assert decode_covers(encode_covers(COVERS)) == COVERS


@pytest.mark.parametrize("term", ["é", "a", "YQ", "YQ==\n", "YQ==YQ==", "Y-==", "\ud800", 1, None], ids=ascii)
def test_a_term_of_another_form_is_tampered(term: Any):
    """Nothing is passed over: then the hold would cover less."""
    with pytest.raises(Tampered):
        decode_covers({**encode_covers(COVERS), "terms": ["YQ==", term]})


def test_a_call_that_utf_8_cannot_encode_is_tampered():
    """Half a surrogate pair, beside a name that is ASCII."""
    with pytest.raises(Tampered):
        decode_covers({**encode_covers(COVERS), "calls": ["call-1", "\ud800"]})
