"""Speech for a prompt: a short upload in any codec, decoded to what a telephone line carries.

What would be kept of a recording and marked as damaged is refused here: somebody waits for the answer and can
send it again, and a notice whose end is missing is none.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from vault.audio import containers
from vault.audio.decoding import Pass
from vault.audio.reasons import Reason
from vault.domain.notices.audio import RATE
from vault.domain.recordings.media import DAMAGE_TOLERANCE
from vault.errors import Undecodable

#: Programs that write a WAV file into a pipe claim about 2 GiB of samples; no upload is as long.
_STREAMED = 0x7FFF0000


def speech(file: BinaryIO, *, max_duration: float) -> Iterator[bytes]:
    """Yield PCM16 little-endian at RATE, two channels mixed into one.

    Raises Undecodable for what is no audio, longer than ``max_duration`` seconds, or not whole; the last only
    after the samples, so they count for nothing before the end.
    """
    decoding = Pass(file, max_duration=max_duration)
    with decoding.input:
        for block in decoding.blocks(rate=RATE):
            mixed = block.sum(axis=1, dtype=np.int32) // block.shape[1]
            yield mixed.astype("<i2").tobytes()
        if not decoding.samples:
            raise Undecodable(Reason.BROKEN if decoding.errors else Reason.NO_SAMPLES)
        if not _whole(decoding):
            raise Undecodable(Reason.DAMAGED)


def _whole(decoding: Pass) -> bool:
    """Say whether everything was there that the file promised."""
    claims = decoding.claims
    if claims is not None and (claims.data_size is None or claims.data_size >= _STREAMED):
        return True
    if decoding.errors or containers.cut_short(decoding.file, decoding.container):
        return False
    claimed = decoding.claimed_duration()
    decoded = decoding.samples / decoding.sample_rate
    return claimed is None or decoded >= claimed * (1 - DAMAGE_TOLERANCE)
