"""The words of the player's page: lengths, and who is heard on which channel."""

from types import SimpleNamespace

import pytest

from vault.web.http.languages import spoken_length
from vault.web.player.page import channels_of

LENGTHS = [
    (None, ""),
    (0, "0 seconds"),
    (0.6, "1 second"),
    (59.4, "59 seconds"),
    (59.6, "1 minute 0 seconds"),
    (61, "1 minute 1 second"),
    (3599, "59 minutes 59 seconds"),
    (3600, "1 hour 0 minutes"),
    (7384, "2 hours 3 minutes"),
]


@pytest.mark.parametrize(("seconds", "words"), LENGTHS)
def test_a_length_is_said_in_words(seconds: float | None, words: str):
    """Seconds count below an hour only."""
    assert spoken_length(seconds, "en") == words


#: Channels, voices, direction; names, and which of the two colours each has.
CHANNELS = [
    (2, ("caller", "callee"), "inbound", [("Customer", 2), ("Agent", 1)]),
    (2, ("caller", "callee"), "outbound", [("Agent", 1), ("Customer", 2)]),
    (2, ("caller", "callee"), None, [("Caller", 1), ("Called party", 2)]),
    (2, (), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("caller",), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("unknown", "unknown"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("all", "all"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (2, ("caller", "caller"), "inbound", [("Channel 1", 1), ("Channel 2", 2)]),
    (1, ("all",), "inbound", [("", 1)]),
    (1, ("caller",), "inbound", [("Customer", 2)]),
    (1, ("caller",), "outbound", [("Agent", 1)]),
    (1, (), None, [("", 1)]),
    # The describer crashed, so nobody counted.
    (None, (), None, [("", 1)]),
]


@pytest.mark.parametrize(("channels", "voices", "direction", "expected"), CHANNELS)
def test_a_channel_is_named_after_its_voice(channels, voices, direction, expected):
    """The agent has one colour in every recording, the customer the other; no two channels have one name."""
    recording = SimpleNamespace(channels=channels, voices=voices)
    assert [(one.name, one.tone) for one in channels_of(recording, direction)] == expected
