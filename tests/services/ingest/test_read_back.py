"""Reading a sealed object back: each chunk once, every frame authenticated, the whole hashed in its order."""

import hashlib
import secrets

import pytest

from tests.fakes.objects import FakeObjects
from vault.domain.recordings.recording import SealedObject
from vault.errors import Tampered
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer
from vault.services.ingest import describe_audio
from vault.services.ingest.describe_audio import ReadBack
from vault.thread_pools import Threads

_CONTEXT = {"purpose": "audio"}
_CHUNK = 10_000
_PLAIN = secrets.token_bytes(3 * _CHUNK + 77)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some frames."""
    monkeypatch.setattr(describe_audio, "CHUNK_BYTES", _CHUNK)


async def _source(
    threads: Threads, plain: bytes, *, sha256: bytes | None = None
) -> tuple[FakeObjects, ReadBack]:
    """Seal bytes into an object, and return what reads it back."""
    key: NamedKey = recording_key("rec_1", secrets.token_bytes(32))
    objects, sealer = FakeObjects(), Sealer(key, _CONTEXT, frame_length=1000)
    await objects.put("a/b", sealer.header + sealer.update(plain) + sealer.finish())
    sealed = SealedObject(location="a/b", header=sealer.header, size=len(plain))
    opener = Opener(key, sealer.header, plaintext_length=len(plain), context=_CONTEXT)
    digest = sha256 or hashlib.sha256(plain).digest()
    objects.calls.clear()
    return objects, ReadBack(objects, opener, sealed, sha256=digest, threads=threads)


@pytest.mark.usefixtures("small_chunks")
async def test_a_decoder_that_reads_in_order_costs_one_read_a_chunk(threads: Threads):
    """Whatever the size of its own reads; nothing is left to read in the end."""
    objects, source = await _source(threads, _PLAIN)
    parts = [await source.read(at, min(at + 777, len(_PLAIN))) for at in range(0, len(_PLAIN), 777)]
    await source.finish()
    assert b"".join(parts) == _PLAIN
    assert objects.calls == ["read"] * 4


@pytest.mark.usefixtures("small_chunks")
async def test_a_decoder_that_looks_at_the_end_first(threads: Threads):
    """Its chunk is read again for the hash, and between two chunks nothing is read twice."""
    objects, source = await _source(threads, _PLAIN)
    size = len(_PLAIN)
    assert await source.read(size - 50, size) == _PLAIN[-50:]
    for _ in range(3):
        assert await source.read(0, 50) == _PLAIN[:50]
        assert await source.read(size - 50, size) == _PLAIN[-50:]
    assert objects.calls == ["read"] * 2
    await source.finish()
    assert len(objects.calls) <= 5


@pytest.mark.usefixtures("small_chunks")
async def test_memory_does_not_depend_on_the_size(threads: Threads):
    """Two chunks are kept, of however many."""
    _, source = await _source(threads, _PLAIN)
    await source.finish()
    assert sum(map(len, source._chunks.values())) <= 2 * _CHUNK


@pytest.mark.parametrize("size", [len(_PLAIN), _CHUNK, 0])
@pytest.mark.usefixtures("small_chunks")
async def test_another_hash_than_that_of_the_received_audio(threads: Threads, size: int):
    """Every tag is right, and what was sealed is not what was received."""
    _, source = await _source(threads, _PLAIN[:size], sha256=hashlib.sha256(b"other").digest())
    with pytest.raises(Tampered, match="hash"):
        await source.finish()


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.usefixtures("small_chunks")
async def test_a_changed_frame_that_no_decoder_asked_for(threads: Threads, at: int):
    """The rest is read too: one byte in any chunk is found."""
    objects, source = await _source(threads, _PLAIN)
    await source.read(2 * _CHUNK, 2 * _CHUNK + 10)
    body = objects.objects["a/b"].body
    body[len(body) * (2 * at + 1) // 8] ^= 1
    with pytest.raises(Tampered):
        await source.finish()


async def test_the_one_frame_of_an_empty_recording_is_authenticated(threads: Threads):
    """It has a tag, and no byte to ask for."""
    objects, source = await _source(threads, b"")
    await source.finish()
    assert objects.calls == ["read"]
    objects, source = await _source(threads, b"")
    objects.objects["a/b"].body[-1] ^= 1
    with pytest.raises(Tampered):
        await source.finish()


async def test_what_fits_eight_megabytes_takes_two_reads(threads: Threads):
    """As much as the table of costs says."""
    objects, source = await _source(threads, bytes(8_000_000))
    await source.finish()
    assert objects.calls == ["read"] * 2
