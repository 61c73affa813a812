"""What every PromptMaker does, asked of the fake and of the real one."""

import sys

import numpy as np
import pytest

from tests.fakes.prompt_maker import FakePromptMaker
from tests.support import corpus
from vault.audio.prompt import SubprocessPromptMaker
from vault.domain.notices.audio import MAX_UPLOAD, PromptRequest
from vault.errors import Invalid, Unavailable, Undecodable

SPEECH = corpus.wav(corpus.tones(1.0, channels=1))


@pytest.fixture(params=["fake", pytest.param("subprocess", marks=pytest.mark.proof)])
def maker(request, threads):
    """Each prompt maker in turn."""
    return FakePromptMaker() if request.param == "fake" else SubprocessPromptMaker(threads)


async def test_speech_lies_between_silence(maker):
    """As long as it was, with the silence that was asked for."""
    prompt = await maker.make(SPEECH, PromptRequest(lead_seconds=0.5, trail_seconds=1.5))
    samples = np.frombuffer(prompt.pcm, "<i2")
    assert prompt.seconds == len(samples) / 8000 == 3.0
    assert not samples[:4000].any()
    assert samples[4010:11990].any()
    assert not samples[12000:].any()


@pytest.mark.parametrize("beep", ["start", "end"])
async def test_a_beep_comes_before_or_after(maker, beep):
    """With a gap of a fifth of a second between it and the speech."""
    prompt = await maker.make(
        SPEECH, PromptRequest(beep=beep, beep_seconds=0.5, lead_seconds=0, trail_seconds=0)
    )
    samples = np.frombuffer(prompt.pcm, "<i2")
    gap = 4000 if beep == "start" else 8000
    assert prompt.seconds == 1.7
    assert not samples[gap : gap + 1600].any()
    assert samples[gap - 200 : gap].any()
    assert samples[gap + 1600 : gap + 1800].any()


async def test_a_beep_alone_is_made_of_nothing(maker):
    """Its level is the wanted one."""
    prompt = await maker.make(
        b"", PromptRequest(tone_only=True, beep="start", beep_seconds=0.25, level_dbfs=-25)
    )
    assert prompt.seconds == pytest.approx(0.65)
    assert prompt.level_dbfs == pytest.approx(-25, abs=0.3)


@pytest.mark.parametrize(
    ("upload", "wish"),
    [
        (b"", {}),
        (SPEECH, {"tone_only": True, "beep": "start"}),
        (b"<html>", {}),
        (SPEECH[:44], {}),
        (bytes(MAX_UPLOAD + 1), {}),
        (corpus.wav(np.zeros((8000, 1), np.int16)), {}),
        (corpus.wav(corpus.tones(30.1, channels=1)), {}),
        (corpus.wav(corpus.tones(28.0, channels=1)), {"lead_seconds": 2.0}),
    ],
    ids=["empty", "tone-of-speech", "html", "header", "large", "silent", "long", "long-with-silence"],
)
async def test_what_no_prompt_can_be_made_of_is_undecodable(maker, upload, wish):
    """And the next one is made."""
    with pytest.raises(Undecodable):
        await maker.make(upload, PromptRequest(**wish))
    assert (await maker.make(SPEECH, PromptRequest())).seconds == pytest.approx(1.4)


async def test_a_decoder_that_does_not_start_is_unavailable(threads):
    """It is no fault of the upload, so the caller is told to try again."""
    maker = SubprocessPromptMaker(threads, command=(sys.executable, "-c", "pass"))
    with pytest.raises(Unavailable):
        await maker.make(SPEECH, PromptRequest())


async def test_a_wish_that_cannot_be_names_its_field(maker):
    """Before the upload is looked at."""
    with pytest.raises(Invalid) as caught:
        await maker.make(b"", PromptRequest(level_dbfs=0.0))
    assert caught.value.field == "level_dbfs"
