"""The bytes of a package: a channel that is taken out of a WAV file, and the ZIP file with its sums."""

import hashlib
import io
import wave
import zipfile
from array import array
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.services.requests.stereo_calls import CALLEE_MARK, stereo
from tests.support import corpus
from vault.domain.requests.package import ChannelOf
from vault.errors import DescriberCrashed, Tampered
from vault.services.requests.zip_stream import ZipStream


@pytest.mark.parametrize("size", [1, 7, 43, 44, 45, 1000, 100_000])
def test_a_channel_is_taken_out_of_blocks_of_any_length(size: int):
    """Blocks end within headers and samples."""
    whole, taken = stereo(0.05), ChannelOf(1, of=2)
    mono = b"".join(taken.take(whole[start : start + size]) for start in range(0, len(whole), size))
    with wave.open(io.BytesIO(mono)) as file:
        assert set(array("h", file.readframes(file.getnframes()))) == {CALLEE_MARK}
        assert (file.getnchannels(), file.getnframes()) == (1, 400)


def test_another_number_of_channels_than_the_recording_has_is_refused():
    """A decoder that mixed both parties into one must not pass for the person alone."""
    with pytest.raises(DescriberCrashed):
        ChannelOf(0, of=2).take(corpus.wav(corpus.tones(channels=1)))


async def test_the_sums_have_a_file_that_breaks_off():
    """What is left of a damaged recording stays in the package, so its hash does too."""

    async def breaks_off() -> AsyncIterator[bytes]:
        yield b"the first half"
        raise Tampered("The second frame was changed.")

    archive = ZipStream(datetime(2026, 11, 29, 12, tzinfo=UTC))
    audio = archive.add("audio.wav", breaks_off())
    blocks = [await anext(audio)]
    with pytest.raises(Tampered):
        await anext(audio)
    blocks += [archive.add_text("request.json", "{}"), archive.finish()]
    files = zipfile.ZipFile(io.BytesIO(b"".join(blocks)))
    assert (files.testzip(), files.read("audio.wav")) == (None, b"the first half")
    sums = dict(reversed(line.split("  ")) for line in files.read("SHA256SUMS").decode().splitlines())
    assert sums == {
        name: hashlib.sha256(files.read(name)).hexdigest() for name in ("audio.wav", "request.json")
    }
