"""Keyed digits as a telephone sends them, and numbers that look like cards and are none."""

import numpy as np

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
RATE = 8000
#: A number of a test card, and the same with a wrong check digit.
CARD, NO_CARD = "4111111111111111", "4111111111111112"


def keyed(digits: str, *, tone=0.1, pause=0.1, level=-10.0, twist=0.0, rate=RATE) -> np.ndarray:
    """Return int16 samples of one channel; ``tone`` and ``pause`` in seconds, each tone ``level`` dB of full scale.

    ``twist``: by how many dB the higher frequency is louder than the lower one.
    """
    time = np.arange(round(tone * rate)) / rate
    parts, louder = [], 10 ** (twist / 40)
    for digit in digits:
        row, column = divmod(KEYS.index(digit), 4)
        low, high = np.sin(2 * np.pi * LOW[row] * time), np.sin(2 * np.pi * HIGH[column] * time)
        pair = low / louder + high * louder
        parts += [pair * 32767 / 2 * 10 ** (level / 20), np.zeros(round(pause * rate))]
    return np.concatenate(parts).astype(np.int16)


def call(*parts: tuple[float, np.ndarray], seconds: float, rate=RATE, noise=30.0, channels=1) -> np.ndarray:
    """Return samples of shape (samples, channels): faint noise, and each part from its second on in all channels."""
    samples = np.random.default_rng(3).normal(0, noise, (round(seconds * rate), 1))
    for at, part in parts:
        first = round(at * rate)
        samples[first : first + len(part), 0] += part
    return np.repeat(np.clip(samples, -32768, 32767), channels, axis=1).astype(np.int16)
