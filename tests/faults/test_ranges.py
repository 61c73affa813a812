"""Any range of a long recording is exact, and costs no more of the object store than its frames."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.faults.in_process import altered_vault
from tests.support.counts import count
from tests.support.slow_media import slices
from tests.support.telephone_audio import wav
from vault.ports.objects import ObjectStore
from vault.services.service import Vault

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_FRAME = 64 * 1024
#: Sequence number, IV and tag of a frame; the last one has a marker and its length besides.
_OVERHEAD, _LAST = 32, 8


@dataclass
class _CountingStore:
    """Reads from a real store, and remembers what was read."""

    store: ObjectStore
    read_spans: list[tuple[int, int]] = field(default_factory=list)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Read, and count."""
        self.read_spans.append((start, end))
        return await self.store.read(key, start, end)

    def list(self, prefix: str) -> AsyncIterator[object]:
        """Playing never lists."""
        raise AssertionError(prefix)


def _needed(start: int, end: int, size: int) -> int:
    """Return the bytes of the frames that hold [start, end), a range of ``size`` bytes of plaintext."""
    first, last = start // _FRAME, (end - 1) // _FRAME
    final = max(0, (size - 1) // _FRAME)
    plaintext = min(size, (last + 1) * _FRAME) - first * _FRAME
    return plaintext + (last - first + 1) * _OVERHEAD + (_LAST if last == final else 0)


def test_random_ranges_are_exact_and_cost_their_frames_alone(folder: Path) -> None:
    """Ranges over HTTP equal the plaintext; each frame that they touch is read once, and no other byte."""
    size = 44 + 4 * (count("megabytes of the recording", small=8, full=200) * 250_000)
    ranges = count("random ranges", small=40, full=500)
    counting: list[_CountingStore] = []

    def alter(vault: Vault) -> Vault:
        playback = vault.playback
        counting.append(_CountingStore(playback.audio.objects))
        audio = replace(playback.audio, objects=counting[0])  # type: ignore[arg-type]
        return replace(vault, playback=replace(playback, audio=audio))

    body = wav(size, 5)
    with altered_vault(folder, alter) as client:
        said = client.put("long", slices(body, 1 << 20), size, timeout=300)
        assert said.status == 201
        recording_id = said.json["id"]
        client.wait_for(recording_id, seconds=300)
        chance = random.Random(99)  # noqa: S311 - the same again
        asked = read = needed = 0
        for start, end in _ranges(chance, size, ranges):
            counting[0].read_spans.clear()
            answer = client.audio(recording_id, f"bytes={start}-{end - 1}")
            assert answer.status == 206
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
            assert answer.body == body[start:end]
            spans = counting[0].read_spans
            reads = sum(last - first for first, last in spans)
            assert reads == _needed(start, end, size)
            asked, read, needed = asked + end - start, read + reads, needed + _needed(start, end, size)
    print(f"{ranges} ranges of {size} bytes: {asked} bytes asked for, {needed} in their frames, {read} read")


def _ranges(chance: random.Random, size: int, many: int) -> list[tuple[int, int]]:
    """Return ranges of every magnitude, and those at the seams of frames and at both ends."""
    chosen = [
        (0, 1),
        (size - 1, size),
        (0, _FRAME),
        (_FRAME - 1, _FRAME + 1),
        (_FRAME, 2 * _FRAME),
        (size - 44, size),
    ]
    while len(chosen) < many:
        length = min(size, int(2 ** chance.uniform(0, 22)))
        start = chance.randrange(size - length + 1)
        chosen.append((start, start + length))
    return chosen
