"""What every Describer does, asked of the fake and of the real one.

What every PromptMaker does, asked of the fake and of the real one.
"""

import asyncio
import sys

import numpy as np
import pytest

from tests.fakes.describer import FakeDescriber
from tests.fakes.prompt_maker import FakePromptMaker
from tests.support import corpus
from tests.support.plaintext import Sink, Source
from vault.audio.describer import SubprocessDescriber
from vault.audio.prompt import SubprocessPromptMaker
from vault.domain.notices.audio import MAX_UPLOAD, PromptRequest
from vault.domain.recordings.media import BUCKETS
from vault.errors import Invalid, Tampered, Unavailable, Undecodable

SPEECH = corpus.wav(corpus.tones(1.0, channels=1))


@pytest.fixture(params=["fake", pytest.param("subprocess", marks=pytest.mark.proof)])
async def describer(request):
    """A describer that is ready."""
    if request.param == "fake":
        yield FakeDescriber()
        return
    async with SubprocessDescriber() as real:
        yield real


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_wav_file_is_described(describer, channels):
    """Every field is what the file was made of."""
    sink = Sink()
    found = await describer.describe(
        Source(corpus.wav(corpus.tones(channels=channels))), sink, account_id="acc_1"
    )
    assert (found.container, found.codec, found.channels) == ("wav", "pcm_s16le", channels)
    assert (found.sample_rate, found.duration, found.claimed_duration) == (8000, 1.0, 1.0)
    assert (found.errors, found.damaged, found.rendition) == (0, False, False)
    assert sink.data == b""


async def test_peaks_are_pairs_of_lowest_and_highest(describer):
    """A step from silence to full scale in the middle is seen in the middle, on its channel alone."""
    samples = corpus.tones() * 0
    samples[4000:, 0] = 32767
    samples[4000::2, 0] = -32768
    found = await describer.describe(Source(corpus.wav(samples)), Sink(), account_id="acc_1")
    half = BUCKETS // 2
    assert found.peaks == (bytes(2 * half) + b"\x80\x7f" * half, bytes(2 * BUCKETS))


async def test_the_whole_source_is_read(describer):
    """A description means that every byte was read, also those that no decoder needs."""
    tail = corpus.chunk(b"LIST", bytes(3 << 20))
    source = Source(corpus.wav(corpus.tones()) + tail)
    await describer.describe(source, Sink(), account_id="acc_1")
    assert source.whole


async def test_a_cut_file_is_damaged(describer):
    """Claimed and decoded durations are both told."""
    data = corpus.wav(corpus.tones(2.0))
    found = await describer.describe(Source(data[: 44 + 32000]), Sink(), account_id="acc_1")
    assert (found.claimed_duration, found.damaged) == (2.0, True)
    assert found.duration == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["empty", "html", "zeros", "wav-header-only", "wav-no-channels", "random"])
async def test_what_is_no_audio_is_undecodable_and_the_next_is_described(describer, name):
    """The reason holds nothing of the file, and the describer goes on."""
    with pytest.raises(Undecodable) as caught:
        await describer.describe(Source(corpus.undecodable()[name]), Sink(), account_id="acc_1")
    assert "403" not in str(caught.value)
    found = await describer.describe(Source(corpus.wav(corpus.tones())), Sink(), account_id="acc_1")
    assert found.duration == 1.0


async def test_what_the_source_raises_passes_through(describer):
    """Tampered bytes are no fault of the audio, and the next recording is described."""
    with pytest.raises(Tampered, match="frame 3"):
        await describer.describe(
            Source(corpus.wav(corpus.tones()), failure=Tampered("frame 3")), Sink(), account_id="acc_1"
        )
    found = await describer.describe(Source(corpus.wav(corpus.tones())), Sink(), account_id="acc_1")
    assert found.duration == 1.0


async def test_a_cancelled_job_leaves_the_describer_sound(describer):
    """After a job was cancelled midway, the next one is described."""
    stuck = Source(corpus.wav(corpus.tones()), gate=asyncio.Event())
    job = asyncio.create_task(describer.describe(stuck, Sink(), account_id="acc_1"))
    await stuck.reading.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    found = await describer.describe(Source(corpus.wav(corpus.tones())), Sink(), account_id="acc_1")
    assert found.duration == 1.0


async def test_several_jobs_at_once_do_not_mix(describer):
    """Each caller gets its own recording's description."""
    lengths = [0.5, 1.0, 1.5, 2.0, 0.25]
    jobs = [
        describer.describe(Source(corpus.wav(corpus.tones(length))), Sink(), account_id="acc_1")
        for length in lengths
    ]
    assert [found.duration for found in await asyncio.gather(*jobs)] == lengths


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
