"""Small files with flipped bytes: decoding gives a description or says Undecodable, and nothing else."""

import io
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import corpus
from vault.audio import decoding
from vault.domain.recordings.media import BUCKETS
from vault.errors import Undecodable

FILES = {name: row[0] for name, row in corpus.good().items()}
EXAMPLES = 20_000 if os.environ.get("CALLVAULT_FAULTS") == "1" else 400


def check(data):
    """Describe the bytes, render them where that is needed, and hold the outcome to its ranges."""
    try:
        found = decoding.describe(io.BytesIO(data))
        if found.rendition:
            plan = decoding.plan_rendition(found)
            rendered = sum(map(len, decoding.render(io.BytesIO(data), plan)))
            assert rendered == plan.samples * plan.channels * 2
    except Undecodable:
        return
    assert found.channels in (1, 2)
    assert 0 < found.duration <= 12 * 3600
    assert found.claimed_duration is None or 0 <= found.claimed_duration < float("inf")
    assert [len(channel) for channel in found.peaks] == [2 * BUCKETS] * found.channels


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FILES)), st.data())
def test_flipped_bytes_are_described_or_undecodable(name, draw):
    """Bytes are flipped mostly in the header, where they are believed."""
    data = bytearray(FILES[name])
    headers = st.integers(0, min(len(data), 200) - 1)
    anywhere = st.integers(0, len(data) - 1)
    for place in draw.draw(st.lists(headers | anywhere, min_size=1, max_size=8)):
        data[place] = draw.draw(st.integers(0, 255))
    check(bytes(data))


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FILES)), st.data())
def test_cut_files_are_described_or_undecodable(name, draw):
    """A file may end anywhere, and something else may follow."""
    data = FILES[name]
    end = draw.draw(st.integers(0, len(data)))
    check(data[:end] + draw.draw(st.binary(max_size=64)))


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([b"", b"RIFF", b"OggS", b"fLaC", b"ID3", b"#!AMR\n", b"\x1a\x45\xdf\xa3"]), st.binary()
)
def test_random_bytes_after_a_magic_number_are_described_or_undecodable(magic, rest):
    """A magic number proves nothing."""
    check(magic + rest)


def test_the_number_of_examples_is_told():
    """A reduced count prints itself."""
    print(f"fuzz: {EXAMPLES} examples of flipped bytes")
    assert EXAMPLES >= 400
