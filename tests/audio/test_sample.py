"""The bundled call, as the demo and other tests use it."""

import hashlib
from importlib import resources

import numpy as np

from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio.describer import SubprocessDescriber

SAMPLE = resources.files("vault.audio") / "sample"


async def test_the_sample_is_a_whole_dual_channel_call():
    """It plays in browsers as it is, lasts half a minute, and is small."""
    data = (SAMPLE / "call.wav").read_bytes()
    async with SubprocessDescriber() as describer:
        found = await describer.describe(Source(data), Sink(), account_id="acc_1")
    assert (found.container, found.codec, found.channels, found.sample_rate) == ("wav", "pcm_mulaw", 2, 8000)
    assert 25 <= found.duration <= 40
    assert not found.damaged
    assert not found.rendition
    assert len(data) < 700_000


def test_the_parties_speak_in_turns_and_nothing_clips():
    """In each tenth of a second at most one party is loud, and each is loud for a good while."""
    samples = corpus.decode((SAMPLE / "call.wav").read_bytes()).astype(np.float64) / 32768
    assert np.abs(samples).max() < 0.9
    tenths = samples[: len(samples) // 800 * 800].reshape(-1, 800, 2)
    loud = np.sqrt((tenths**2).mean(axis=1)) > 0.02
    assert loud.sum(axis=0).min() > 50
    assert not (loud[:, 0] & loud[:, 1]).any()
    # The agent's notice comes first.
    assert loud[:50, 0].sum() > 20
    assert not loud[:50, 1].any()


def test_the_readme_names_the_bytes():
    """Its digest is that of the file beside it."""
    digest = hashlib.sha256((SAMPLE / "call.wav").read_bytes()).hexdigest()
    assert digest in (SAMPLE / "README.md").read_text()
