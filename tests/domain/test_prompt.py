"""What may be asked for when the audio of a notice is made."""

import math

import pytest

from vault.domain.notices.audio import PromptRequest
from vault.errors import Invalid

#: A field, and what is just inside and just outside on both sides.
LIMITS = [
    ("beep_hz", (300, 3400), (299, 3401)),
    ("beep_seconds", (0.2, 1.0), (0.19, 1.01, math.nan, math.inf)),
    ("lead_seconds", (0.0, 5.0), (-0.01, 5.01, math.nan)),
    ("trail_seconds", (0.0, 5.0), (-0.01, 5.01, math.nan)),
    ("level_dbfs", (-30.0, -16.0), (-30.1, -15.9, math.nan, -math.inf)),
]


@pytest.mark.parametrize(("field", "inside", "outside"), LIMITS, ids=[row[0] for row in LIMITS])
def test_a_wish_has_limits(field, inside, outside):
    """The limits themselves are inside; what is outside names its field."""
    for value in inside:
        PromptRequest(**{field: value}).check()
    for value in outside:
        with pytest.raises(Invalid) as caught:
            PromptRequest(**{field: value}).check()
        assert caught.value.field == field


def test_a_prompt_of_nothing_is_a_beep():
    """Without speech and without a beep there would be silence."""
    PromptRequest(tone_only=True, beep="end").check()
    with pytest.raises(Invalid) as caught:
        PromptRequest(tone_only=True).check()
    assert caught.value.field == "beep"
