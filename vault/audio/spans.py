"""Spans of a recording: where samples of a fixed size lie in the file, and what is in spans once decoded."""

import hashlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from vault.audio import riff
from vault.audio.decoding import Pass
from vault.audio.reasons import Reason
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures
from vault.errors import Undecodable


def layout(file: BinaryIO) -> SampleLayout:
    """Return where the samples of a WAV file of PCM, float or G.711 lie. Raises Undecodable for another file."""
    claims = riff.read_claims(file)
    if claims is None or claims.tag not in riff.EXACT_TAGS:
        raise Undecodable(Reason.CODEC)
    if claims.channels not in (1, 2) or claims.block_align < claims.channels:
        raise Undecodable(Reason.CHANNELS)
    if claims.block_align % claims.channels:
        raise Undecodable(Reason.CODEC)
    size = file.seek(0, 2)
    # A recorder that crashed, or streamed, does not know the size: then the samples go on to the end of the file.
    end = size if claims.data_size is None else min(size, claims.first + claims.data_size)
    samples = max(0, end - claims.first)
    return SampleLayout(
        first=claims.first,
        end=claims.first + samples - samples % claims.block_align,
        width=claims.block_align // claims.channels,
        channels=claims.channels,
        sample_rate=claims.sample_rate,
    )


def measure(file: BinaryIO, spans: Sequence[FrameSpan], *, max_duration: float) -> SpanMeasures:
    """Decode the whole file, and measure the spans and the rest. Raises Undecodable."""
    decoding = Pass(file, max_duration=max_duration)
    rest = hashlib.sha256()
    at = samples = loudest = 0
    with decoding.input:
        for decoded in decoding.blocks():
            block = decoded.copy()
            for span in spans:
                part = block[max(0, span.begin - at) : max(0, span.end - at), list(span.channels)]
                if part.size:
                    # With more bits: the absolute value of -32,768 has no place in 16.
                    samples += part.size
                    loudest = max(loudest, int(np.abs(part.astype(np.int32)).max()))
            for span in spans:
                block[max(0, span.begin - at) : max(0, span.end - at), list(span.channels)] = 0
            rest.update(block.astype("<i2").tobytes())
            at += len(block)
    return SpanMeasures(samples=samples, loudest=loudest, rest=rest.digest())
