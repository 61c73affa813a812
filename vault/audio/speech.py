"""Speech for a prompt: decodes a short upload in any codec to telephone quality.

Damage that a recording would only be marked with is an error here: the user waits for the response and can
upload again, and a notice without its end is not a notice.
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

#: Programs that write a WAV file to a pipe claim about 2 GiB of samples; no upload is that long.
_STREAMED = 0x7FFF0000


def speech(file: BinaryIO, *, max_duration: float) -> Iterator[bytes]:
    """Yield PCM16 little-endian at RATE, two channels mixed into one.

    Raises Undecodable for a file that is not audio, longer than ``max_duration`` seconds, or incomplete. The last is
    raised only after all samples, so they must not be used before the end.
    """
    decoding = Pass(file, max_duration=max_duration)
    with decoding.input:
        for block in decoding.blocks(rate=RATE):
            mixed = block.sum(axis=1, dtype=np.int32) // block.shape[1]
            yield mixed.astype("<i2").tobytes()
        if not decoding.samples:
            raise Undecodable(Reason.BROKEN if decoding.errors else Reason.NO_SAMPLES)
        if not _is_complete(decoding):
            raise Undecodable(Reason.DAMAGED)


def _is_complete(decoding: Pass) -> bool:
    """Tell whether the file was decoded without damage, to the duration it claims."""
    claims = decoding.claims
    if claims is not None and (claims.data_size is None or claims.data_size >= _STREAMED):
        return True
    if decoding.errors or containers.cut_short(decoding.file, decoding.container):
        return False
    claimed = decoding.claimed_duration()
    decoded = decoding.samples / decoding.sample_rate
    return claimed is None or decoded >= claimed * (1 - DAMAGE_TOLERANCE)
