"""Prompts: made of every codec, put together as asked, and refused with a reason."""

import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.audio import odd_corpus
from tests.audio.sounding import level, part, peak, pitch, samples_of
from tests.support import corpus
from vault.audio.assembling import SILENT, TOO_LONG
from vault.audio.limits import Limits
from vault.audio.prompt import LIMITS, SubprocessPromptMaker
from vault.audio.reasons import Reason
from vault.domain.notices.audio import MAX_UPLOAD, PromptRequest
from vault.errors import DescriberCrashed, Invalid, Undecodable
from vault.thread_pools import Threads

PLAIN = PromptRequest()
GOOD = corpus.good()
HOSTILE = Path(__file__).with_name("hostile_child.py")
#: A child that keeps its parent waiting is given up after half a second.
IMPATIENT = Limits(cpu_base=0, cpu_per_mib=0, patience=0.5, max_duration=30)


@pytest.fixture
def threads():
    """Threads on which prompts are put together."""
    made = Threads("test-prompts", 1)
    yield made
    made.close()


@pytest.fixture
def maker(threads):
    """A prompt maker."""
    return SubprocessPromptMaker(threads)


def tone(seconds, *, hertz=440, loudness=4000.0, rate=8000):
    """Return a WAV file with a tone, whose root mean square is ``loudness`` by the square root of two."""
    time = np.arange(round(seconds * rate)) / rate
    return corpus.wav(
        np.rint(loudness * np.sin(2 * np.pi * hertz * time)).astype(np.int16)[:, None], rate=rate
    )


@pytest.mark.parametrize("name", [name for name in GOOD if name != "gsm"])
async def test_every_codec_makes_a_prompt(maker, name):
    """One channel at 8 kHz, the tone and the length that were coded, at the level that is the default."""
    prompt = await maker.make(GOOD[name][0], PLAIN)
    samples = samples_of(prompt.pcm)
    assert prompt.seconds == len(samples) / 8000 == pytest.approx(1.4, abs=0.07)
    spoken = part(samples, 0.3, 0.7)
    assert pitch(spoken) == pytest.approx(440, abs=1)
    assert prompt.level_dbfs == pytest.approx(-20, abs=0.5)
    assert level(spoken) == pytest.approx(-20, abs=1)


async def test_channels_are_mixed(maker):
    """What is said on one side alone is heard, and two sides that cancel each other out are silence."""
    sides = corpus.tones(1.0)
    sides[:, 0] = 0
    prompt = await maker.make(corpus.wav(sides), PLAIN)
    assert pitch(part(samples_of(prompt.pcm), 0.3, 0.7)) == pytest.approx(700, abs=1)
    sides[:, 0] = -sides[:, 1]
    with pytest.raises(Undecodable, match="silent"):
        await maker.make(corpus.wav(sides), PLAIN)


async def test_what_a_line_does_not_carry_is_left_out(maker):
    """A tone above 4 kHz does not come back as another one."""
    time = np.arange(48000) / 48000
    signal = 3000 * np.sin(2 * np.pi * 500 * time) + 9000 * np.sin(2 * np.pi * 7000 * time)
    prompt = await maker.make(corpus.wav(signal.astype(np.int16)[:, None], rate=48000), PLAIN)
    heard = part(samples_of(prompt.pcm), 0.4, 0.5)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert pitch(heard) == pytest.approx(500, abs=1)
    assert spectrum[len(spectrum) // 4 :].max() < 0.01 * spectrum.max()


@pytest.mark.parametrize("beep", ["start", "end"])
async def test_a_prompt_is_put_together_as_asked(maker, beep):
    """Silence, beep, gap and speech lie where they were asked for, to the sample, at one level."""
    wish = PromptRequest(
        beep=beep, beep_hz=1000, beep_seconds=0.25, lead_seconds=0.5, trail_seconds=0.75, level_dbfs=-23.0
    )
    prompt = await maker.make(tone(1.0), wish)
    samples = samples_of(prompt.pcm)
    assert len(samples) == 8000 * 2.7
    assert prompt.seconds == 2.7
    assert not part(samples, 0, 0.5).any()
    assert not part(samples, 2.7 - 0.75, 0.75).any()
    beep_at, gap_at, speech_at = (0.5, 0.75, 0.95) if beep == "start" else (1.7, 1.5, 0.5)
    assert not part(samples, gap_at, 0.2).any()
    for start, seconds, hertz in ((beep_at, 0.25, 1000), (speech_at, 1.0, 440)):
        sound = part(samples, start, seconds)
        assert pitch(sound) == pytest.approx(hertz, abs=1)
        assert level(sound) == pytest.approx(-23, abs=0.5)
        # It fills its place: there is sound in the first and in the last 15 ms.
        assert np.abs(sound[:120]).max() > 500
        assert np.abs(sound[-120:]).max() > 500


@pytest.mark.parametrize("hertz", [300, 1400, 3400])
async def test_a_beep_alone(maker, hertz):
    """Of nothing uploaded a tone is made, of the frequency and length that were asked for, without a click."""
    wish = PromptRequest(tone_only=True, beep="start", beep_hz=hertz, beep_seconds=1.0, lead_seconds=0)
    prompt = await maker.make(b"", wish)
    samples = samples_of(prompt.pcm)
    assert (prompt.seconds, len(samples)) == (1.2, 9600)
    assert pitch(part(samples, 0, 1.0)) == pytest.approx(hertz, abs=0.2)
    assert prompt.level_dbfs == pytest.approx(-20, abs=0.3)
    assert np.abs(samples[:8]).max() < 0.15 * np.abs(samples).max()
    assert not samples[8000:].any()


async def test_the_usual_beep_is_1400_hz_for_half_a_second(maker):
    """The defaults are what telephony warns with."""
    prompt = await maker.make(b"", PromptRequest(tone_only=True, beep="end"))
    assert prompt.seconds == pytest.approx(0.2 + 0.5 + 0.2)
    assert pitch(samples_of(prompt.pcm)) == pytest.approx(1400, abs=0.5)


@pytest.mark.parametrize("target", [-30.0, -20.0, -16.0])
async def test_speech_comes_to_its_level(maker, target):
    """Whatever its level was, and with peaks far above its average, which stay below -3 dBFS."""
    time = np.arange(16000) / 8000
    clicks = np.where(np.arange(16000) % 800 == 0, 26000, 900) * np.sin(2 * np.pi * 310 * time + 1)
    prompt = await maker.make(corpus.wav(clicks.astype(np.int16)[:, None]), PromptRequest(level_dbfs=target))
    spoken = part(samples_of(prompt.pcm), 0.2, 2.0)
    assert level(spoken) == pytest.approx(target, abs=1)
    assert prompt.level_dbfs == pytest.approx(level(spoken), abs=0.01)
    assert peak(spoken) <= -3.0


@pytest.mark.parametrize("name", corpus.undecodable())
async def test_what_is_no_audio_is_refused(maker, name):
    """With one of the vault's own sentences, which hold nothing of the file."""
    with pytest.raises(Undecodable) as caught:
        await maker.make(corpus.undecodable()[name], PLAIN)
    assert str(caught.value) in {reason.value for reason in Reason}


@pytest.mark.parametrize("name", [name for name in corpus.damaged() if name != "wav-claims-2-gib"])
async def test_a_file_without_its_end_is_refused(maker, name):
    """A notice of which the last words are missing is none, though a recording like this would be kept."""
    with pytest.raises(Undecodable, match=Reason.DAMAGED):
        await maker.make(corpus.damaged()[name], PLAIN)


@pytest.mark.parametrize("name", [*corpus.unsized(), "wav-claims-2-gib"])
async def test_a_file_that_was_written_into_a_pipe_is_whole(maker, name):
    """Speech synthesis that could not know the size wrote none, or the largest: what is there is all there is."""
    data = (corpus.unsized() | corpus.damaged())[name]
    prompt = await maker.make(data, PLAIN)
    assert prompt.seconds == pytest.approx(2.4 if name == "wav-claims-2-gib" else 1.4)


def hours_in_a_few_bytes():
    """Return three hours, which are 170 MB of samples, in less than 5 MiB."""
    return corpus.encode("flac", "flac", np.full((3 * 3600 * 8000, 1), 3000, np.int16))


TOO_LONG_ONES = {
    "at-the-limit": (lambda: tone(29.6), True),
    "a-sample-more": (lambda: tone(29.6 + 1 / 8000), False),
    "longer-than-any-prompt": (lambda: tone(30.5), False),
    "mp3": (lambda: corpus.encode("mp3", "libmp3lame", corpus.tones(31.0)), False),
    "three-hours": (hours_in_a_few_bytes, False),
}


@pytest.mark.parametrize("name", TOO_LONG_ONES)
async def test_a_prompt_has_at_most_thirty_seconds(maker, name):
    """With its silence; and nothing is decoded much further than that."""
    make, taken = TOO_LONG_ONES[name]
    data = make()
    assert len(data) <= MAX_UPLOAD
    if taken:
        assert (await maker.make(data, PLAIN)).seconds == 30.0
        return
    with pytest.raises(Undecodable, match=TOO_LONG):
        await maker.make(data, PLAIN)


@pytest.mark.parametrize(("dbfs", "heard"), [(-49.5, True), (-50.5, False), (-90.0, False)])
async def test_silence_is_refused(maker, dbfs, heard):
    """The threshold is -50 dBFS, and the refusal says so."""
    data = tone(1.0, loudness=32768 * 10 ** (dbfs / 20) * 2**0.5)
    if heard:
        assert (await maker.make(data, PLAIN)).level_dbfs == pytest.approx(-20, abs=1)
        return
    with pytest.raises(Undecodable, match="below -50 dBFS") as caught:
        await maker.make(data, PLAIN)
    assert str(caught.value) == SILENT


async def test_zeros_are_silence(maker):
    """Not a division by zero."""
    with pytest.raises(Undecodable, match="silent"):
        await maker.make(corpus.wav(np.zeros((8000, 1), np.int16)), PLAIN)


async def test_an_upload_that_is_empty_or_too_large_is_refused(maker):
    """Before anything is started; at the limit it is looked at."""
    before = set(psutil.Process().children())
    with pytest.raises(Undecodable, match=Reason.EMPTY):
        await maker.make(b"", PLAIN)
    with pytest.raises(Undecodable, match="at most 5 MiB"):
        await maker.make(bytes(MAX_UPLOAD + 1), PLAIN)
    with pytest.raises(Undecodable, match="without audio"):
        await maker.make(tone(1.0), PromptRequest(tone_only=True, beep="start"))
    with pytest.raises(Invalid):
        await maker.make(tone(1.0), PromptRequest(beep_hz=20))
    assert set(psutil.Process().children()) == before
    with pytest.raises(Undecodable, match=Reason.UNKNOWN_FORMAT):
        await maker.make(bytes(MAX_UPLOAD), PLAIN)


#: What no child may say, whatever its job is, and what it may not say when speech is wanted.
OUT_OF_PLACE = [
    *(
        "garbage",
        "other-version",
        "huge-length",
        "parents-kind",
        "second-ready",
        "read-outside",
        "read-short",
    ),
    *("reason-of-its-own", "reason-not-ascii", "not-json", "rendition-twice", "speech-with-words"),
    *("speech-odd", "speech-empty", "endless-speech", "reads-forever", "half-frame", "hang", "exit"),
]


@pytest.mark.parametrize("mode", OUT_OF_PLACE)
async def test_a_child_that_goes_bad_ends(threads, mode):
    """The upload ends in DescriberCrashed, and no child is left."""
    command = (sys.executable, "-P", "-s", "-B", str(HOSTILE), mode)
    is_silent = mode in {"hang", "half-frame"}
    maker = SubprocessPromptMaker(threads, limits=IMPATIENT if is_silent else LIMITS, command=command)
    before = set(psutil.Process().children())
    with pytest.raises(DescriberCrashed) as caught:
        await maker.make(tone(1.0), PLAIN)
    # What is out of place is refused when it comes, and not when patience is at its end.
    assert ("too long" in str(caught.value)) is is_silent
    assert set(psutil.Process().children()) == before


async def test_no_child_is_left_after_a_prompt(maker):
    """Each has its own, also where it was refused; the limits are those of short uploads."""
    before, descriptors = set(psutil.Process().children()), psutil.Process().num_fds()
    for data in (tone(1.0), b"no audio at all", tone(31.0)):
        try:
            await maker.make(data, PLAIN)
        except Undecodable:
            continue
    assert set(psutil.Process().children()) == before
    assert psutil.Process().num_fds() <= descriptors + 1
    assert (LIMITS.max_duration, LIMITS.processor(MAX_UPLOAD)) == (30, 40)


async def test_a_notice_is_made_of_odd_files_too(maker):
    """What holds audio becomes a prompt, and what holds none is refused by its reason."""
    for name in ("mp4-subtitles", "mkv-ass"):
        assert (await maker.make(odd_corpus.audible()[name][0], PromptRequest())).seconds == pytest.approx(
            1.4, abs=0.05
        )
    data, reason = odd_corpus.inaudible()["mp4-only-subtitles"]
    with pytest.raises(Undecodable, match=str(reason)):
        await maker.make(data, PromptRequest())
