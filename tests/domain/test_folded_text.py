"""Texts that read alike are one, and others are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.folded_text import folded


@pytest.mark.parametrize(
    "written",
    [
        "José Ruiz", "Jose\u0301 Ruiz", "JOSÉ RUIZ", "José Ruiz ", " José  Ruiz", "José\u00a0Ruiz",
        "\uff2aosé Ruiz",
    ],
)  # fmt: skip
def test_spellings_of_a_name_are_one(written: str):
    """Composed and decomposed, capitals, spaces, full width."""
    assert folded(written) == "josé ruiz"


@pytest.mark.parametrize("other", ["Jose Ruiz", "José R.", "JoséRuiz", ""])
def test_other_names_are_others(other: str):
    """An accent and a space inside tell people apart."""
    assert folded(other) != folded("José Ruiz")


@given(st.text(max_size=40))
def test_a_folded_text_stays_as_it_is(text: str):
    """Else one name would have two keyed hashes."""
    assert folded(folded(text)) == folded(text)
