"""What is faster than a removal of spans: a hold, an erasure, a restriction, a rotation or another removal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.services.recordings.test_redact import redact, speech, stored
from tests.services.recordings.test_redact_ends import SPAN, without_span
from tests.support.parties import ME
from tests.support.retention import place
from tests.support.rotation import finish, rotate
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.recordings.redaction import Span
from vault.errors import Busy, Held, NotFound


@dataclass
class LastLook:
    """A decoder that lets something else be faster, when everything is made and nothing is written."""

    inner: Any
    faster: Callable[[], Awaitable[object]]
    measured: int = field(default=0)

    def __getattr__(self, name: str) -> Any:
        """Return what the real one has."""
        return getattr(self.inner, name)

    async def measure(self, *args: Any, **named: Any) -> Any:
        """Measure; the second time, that of the new audio, comes last."""
        self.measured += 1
        if self.measured == 2:
            await self.faster()
        return await self.inner.measure(*args, **named)


async def redact_late(house: House, recording_id: str, faster: Callable[[], Awaitable[object]]) -> None:
    """Remove the span; ``faster`` comes before its transaction."""
    service = house.vault.recordings.recordings.redact
    late = LastLook(service.remove.decoder, faster)
    remove = replace(service.remove, decoder=late)
    try:
        await replace(service, remove=remove)(
            house.account.id, recording_id, [SPAN], reason="card data", **ME
        )
    finally:
        assert late.measured == 2


async def test_two_at_once(house: House):
    """The second one finds the first one's audio, or is told to come again; no span comes back."""
    body = speech()
    recording_id = await stored(house, body)
    other = Span(begin_ms=3000, end_ms=4000)
    with pytest.raises(Busy):
        await redact_late(house, recording_id, lambda: redact(house, recording_id, other))
    assert await house.heard(recording_id) == body[: 44 + 48000] + bytes(16000)


async def test_a_hold_that_is_faster_keeps_all_of_it(either: House):
    """409 held: the audio, its key and its log stay as they were, and nothing of the new audio is left."""
    body = speech()
    recording_id = await stored(either, body)
    objects = either.audio_objects()
    with pytest.raises(Held):
        await redact_late(either, recording_id, lambda: place(either, recordings=[recording_id]))
    assert await either.heard(recording_id) == body
    assert either.audio_objects() == objects
    assert "recording.redacted" not in await either.events(recording_id)


async def test_a_hold_that_is_slower_keeps_what_is_left(house: House):
    """The span is gone before the hold; the hold covers the new audio."""
    body = speech()
    recording_id = await stored(house, body)
    await redact(house, recording_id, SPAN)
    await place(house, recordings=[recording_id])
    with pytest.raises(Held):
        await redact(house, recording_id, Span(begin_ms=3000, end_ms=4000))
    assert await house.heard(recording_id) == without_span(body)


async def test_an_erasure_that_is_faster_leaves_nothing(house: House):
    """The row stays erased, and no object of the new audio outlives it."""
    recording_id = await stored(house, speech())
    erase = house.vault.recordings.recordings.erase
    with pytest.raises(NotFound):
        await redact_late(house, recording_id, lambda: erase(house.account.id, recording_id, **ME))
    assert (await house.row(recording_id)).state in {State.ERASING, State.ERASED}
    while await house.vault.jobs.remove_erased():
        pass
    assert not [key for key in house.audio_objects() if f"/{recording_id}/" in key]


async def test_a_restriction_that_is_faster_stays(house: House):
    """What is restricted can be removed, and remains restricted."""
    body = speech()
    recording_id = await stored(house, body)

    async def restrict(*, restricted: bool) -> None:
        await house.vault.recordings.recordings.restrict(
            house.account.id,
            recording_id,
            restricted=restricted,
            reason="asked" if restricted else None,
            **ME,
        )

    await redact_late(house, recording_id, lambda: restrict(restricted=True))
    assert (await house.row(recording_id)).restricted
    with pytest.raises(NotFound):
        await house.heard(recording_id)
    await restrict(restricted=False)
    assert await house.heard(recording_id) == without_span(body)


async def test_a_rotation_that_is_faster(house: House):
    """The new key is wrapped under the version of now, and a node that reads the row opens it."""
    body = speech()
    recording_id = await stored(house, body)
    await redact_late(house, recording_id, lambda: rotate(house))
    await finish(house)
    assert await house.heard(recording_id) == without_span(body)
