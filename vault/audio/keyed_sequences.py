"""Finds sequences of keyed digits that can be a card number, in all channels, while a recording is decoded.

A card number has 13 to 19 digits, of which the last one is a check digit (ISO/IEC 7812-1, annex B). Who keys one may
key other digits before it, and an expiry date and a security code after it: so all of a sequence is one, from its first
digit to its last, and no digit of it leaves this process.
"""

from collections import deque
from typing import Final

from vault.audio.keyed_digits import Key, KeyDetector
from vault.audio.peaks import Samples
from vault.domain.recordings.card_data import FoundDigits, joined

#: Seconds without a digit after which another sequence begins.
_LONGEST_GAP: Final = 20.0
#: Any sequence with so many digits within so many seconds is one.
_DENSE: Final = 8
_DENSE_SECONDS: Final = 30.0
#: Digits of a card number, and those with which one begins.
_LENGTHS: Final = range(13, 20)
_FIRST: Final = frozenset("23456")
#: Seconds without a digit after which a number may begin, as one may after * and #.
_PAUSE: Final = 2.0
_DIGITS: Final = frozenset("0123456789")


class KeyedSequences:
    """Takes the samples of all channels, in memory that grows by the sequences alone."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        """Start without samples; ``sample_rate`` in Hz."""
        self._detectors = [KeyDetector(sample_rate) for _ in range(channels)]
        self._sequences = [_Sequence() for _ in range(channels)]

    def add(self, block: Samples) -> None:
        """Add the next samples of all channels: shape (samples, channels)."""
        for channel, (detector, sequence) in enumerate(zip(self._detectors, self._sequences, strict=True)):
            for key in detector.add(block[:, channel]):
                sequence.add(key)

    def end(self) -> tuple[FoundDigits, ...]:
        """Return the sequences of all channels; the same one in both is one. No samples may follow."""
        found: list[FoundDigits] = []
        for detector, sequence in zip(self._detectors, self._sequences, strict=True):
            for key in detector.end():
                sequence.add(key)
            found += sequence.end()
        return joined(found)


class _Sequence:
    """The sequences of one channel, with no more digits than a card number has."""

    def __init__(self) -> None:
        self._found: list[FoundDigits] = []
        self._start()

    def _start(self) -> None:
        #: The last digits, whether a number may begin with each, and when each began.
        self._digits: deque[tuple[str, bool, float]] = deque(maxlen=_LENGTHS[-1])
        self._begin = self._end = 0.0
        self._may_begin = True
        self._is_card = self._is_dense = False

    def add(self, key: Key) -> None:
        """Add the next key."""
        if self._digits and key.begin - self._end > _LONGEST_GAP:
            self._close()
        if key.digit not in _DIGITS:
            self._may_begin = True
            return
        if not self._digits:
            self._begin = key.begin
        elif key.begin - self._end > _PAUSE:
            self._may_begin = True
        self._digits.append((key.digit, self._may_begin, key.begin))
        self._may_begin, self._end = False, key.end
        if len(self._digits) >= _DENSE:
            self._is_dense |= key.end - self._digits[-_DENSE][2] <= _DENSE_SECONDS
        self._is_card = self._is_card or self._ends_card()

    def end(self) -> list[FoundDigits]:
        """Return the sequences."""
        self._close()
        return self._found

    def _ends_card(self) -> bool:
        """Return whether the last digits are a card number that begins where one may begin."""
        for length in _LENGTHS:
            if length > len(self._digits):
                return False
            digit, may_begin, _at = self._digits[-length]
            if may_begin and digit in _FIRST and _passes([one for one, *_ in self._digits][-length:]):
                return True
        return False

    def _close(self) -> None:
        if self._is_card or self._is_dense:
            self._found.append(
                FoundDigits(
                    kind="card_number" if self._is_card else "digits",
                    begin_ms=int(self._begin * 1000),
                    end_ms=int(self._end * 1000) + 1,
                )
            )
        self._start()


def _passes(digits: list[str]) -> bool:
    """Return whether the last digit is the check digit of the others: the formula of Luhn."""
    doubled = [2 * int(one) for one in digits[-2::-2]]
    return (sum(int(one) for one in digits[-1::-2]) + sum(one // 10 + one % 10 for one in doubled)) % 10 == 0
