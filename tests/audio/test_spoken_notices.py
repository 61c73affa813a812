"""Every default notice, spoken, made to a prompt, fetched as telephony does, and listened to."""

from itertools import product

import numpy as np
import pytest

from tests.audio.sounding import level, part, peak, pitch, spoken, streamed
from tests.servers.required import require
from tests.support.corpus import decode
from tests.support.notice_drafts import wish
from vault.audio.prompt import SubprocessPromptMaker
from vault.composition.adapters import notice_texts
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.audio import GAP_SECONDS, PromptRequest, telephone_wav
from vault.domain.notices.notice import AUDIENCES, NOTICE_MODES
from vault.thread_pools import Threads

TEXTS = notice_texts()
EVERY = list(product(sorted(TEXTS.languages), AUDIENCES, NOTICE_MODES))
BEEP = PromptRequest(beep="start", beep_seconds=0.4, lead_seconds=0.25, trail_seconds=0.5)
#: µ-law has steps, and the largest of them is 1/32 of full scale.
TOLERANCE = {"pcm": 0, "ulaw": 1024}


@pytest.fixture
def maker():
    """A prompt maker, where there is a voice."""
    require("espeak-ng", install="apt-get install espeak-ng")
    threads = Threads("test-prompts", 1)
    yield SubprocessPromptMaker(threads)
    threads.close()


@pytest.mark.parametrize("kind", EVERY, ids="-".join)
async def test_a_default_notice_can_be_heard(maker, kind):
    """Length, silence, beep and level are right in both encodings, and it fits into thirty seconds."""
    language, audience, mode = kind
    asked = wish(language=language, audience=audience, mode=mode, refusal="")
    speech = spoken(TEXTS.fill(asked, Keys()).text, language)
    said = len(decode(speech)) / 22050
    prompt = await maker.make(speech, BEEP)
    for encoding, tolerance in TOLERANCE.items():
        served = decode(telephone_wav(prompt.pcm, encoding))
        assert served.shape[1] == 1
        samples = served[:, 0].astype(float)
        assert len(samples) / 8000 == pytest.approx(0.25 + 0.4 + GAP_SECONDS + said + 0.5, abs=0.01)
        assert len(samples) / 8000 == prompt.seconds <= 30
        assert not part(samples, 0, 0.25).any()
        beep = part(samples, 0.25, 0.4)
        assert pitch(beep) == pytest.approx(1400, abs=1)
        assert level(beep) == pytest.approx(-20, abs=1)
        voice = part(samples, 0.25 + 0.4 + GAP_SECONDS, said)
        assert level(voice) == pytest.approx(-20, abs=1)
        assert peak(samples) <= (-3.0 if encoding == "pcm" else -2.5)
        assert not samples[-3900:].any()
        pcm = np.frombuffer(prompt.pcm, "<i2").astype(float)
        assert np.abs(samples - pcm).max() <= tolerance


async def test_a_stream_of_speech_is_taken_as_it_comes(maker):
    """What espeak-ng writes into a pipe claims 2 GiB of samples, which is not held against it."""
    prompt = await maker.make(streamed("This call is recorded."), PromptRequest())
    assert prompt.seconds == pytest.approx(
        0.4 + len(decode(spoken("This call is recorded."))) / 22050, abs=0.01
    )
