"""What a recording's row holds of its audio and its call, as changes of its state write it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from vault.domain.recordings.card_data import FoundDigits
from vault.domain.recordings.recording import SealedObject
from vault.domain.recordings.silence import Silence


class SealedParts(TypedDict):
    """What an attempt sealed under the recording key."""

    audio: SealedObject
    #: SHA-256 of the evidence that the audio is bound to, in hexadecimal.
    evidence: str
    sealed_details: bytes


class StoredAudio(SealedParts):
    """What the row holds once the audio is stored."""

    wrapped_key: bytes
    key_version: int
    month_key: str | None


class DescribedAudio(TypedDict, total=False):
    """What the row holds once the audio is decoded; without a waveform and formats where decoders crash on it."""

    rendition: SealedObject | None
    sealed_waveform: bytes
    container: str
    codec: str
    channels: int
    sample_rate: int
    #: Seconds.
    duration: float
    damaged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What was found in the audio of a recording."""

    columns: DescribedAudio
    keyed_digits: Sequence[FoundDigits] = ()
    #: None where the audio could not be decoded whole.
    silences: Sequence[Silence] | None = None

    @property
    def card_numbers(self) -> Sequence[FoundDigits]:
        """Return the sequences of which some digits are a card number."""
        return [digits for digits in self.keyed_digits if digits.kind == "card_number"]


class CallTimeColumns(TypedDict, total=False):
    """When the call was, by which holds, requests of people and retention find its recordings."""

    call_started_at: datetime
    call_ended_at: datetime
