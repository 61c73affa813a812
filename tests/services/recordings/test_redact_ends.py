"""What hangs on the audio follows when spans are removed; and whoever dies on the way leaves the old or the new."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.services.recordings.test_redact import keys_of, redact, speech, stored
from tests.support.mortal import Killed, Life, Mortal
from tests.support.parties import ME
from tests.support.permissions import link_wish
from tests.support.service_house import House
from vault.domain.playback.note import NoteContent
from vault.domain.recordings.redaction import Span
from vault.errors import Busy, NotFound, Refused, Unavailable
from vault.services.lifecycle.evidence_chain import append
from vault.services.shared.encrypted_fields import open_recording

SPAN = Span(begin_ms=1000, end_ms=2000)


def without_span(body: bytes) -> bytes:
    """Return the audio as it is afterwards."""
    return body[: 44 + 16000] + bytes(16000) + body[44 + 32000 :]


async def test_notes_stay(house: House):
    """They are sealed under the recording key, and read as before under the new one."""
    recording_id = await stored(house, speech())
    notes = house.vault.playback.own_notes
    note = await notes.add(
        house.account.id, recording_id, NoteContent(at=1.5, text="Asks again"), author="key_1"
    )
    await redact(house, recording_id, SPAN)
    found = await notes.list(house.account.id, recording_id, author="key_1")
    assert [one.content for one in found] == [note.content]
    changed = await notes.change(
        house.account.id, recording_id, note.id, lambda one: replace(one, text="Agreed"), author="key_1"
    )
    assert changed.content.text == "Agreed"


async def test_a_note_that_the_old_key_sealed_is_not_written(house: House):
    """The removal comes between the sealing and the row."""
    recording_id = await stored(house, speech())
    own = house.vault.playback.own_notes

    class Late:
        """Let the removal be faster than the note."""

        async def seal_detail(self, *args: Any) -> Any:
            await redact(house, recording_id, SPAN)
            return await own.data_keys.seal_detail(*args)

    with pytest.raises(Busy):
        await replace(own, data_keys=Late()).add(
            house.account.id, recording_id, NoteContent(at=1.5, text="x"), author="key_1"
        )
    assert await own.list(house.account.id, recording_id, author="key_1") == []


async def test_who_has_unwrapped_the_old_key_appends_nothing(house: House):
    """What it sealed could not be opened any more."""
    recording_id = await stored(house, speech())
    ring = house.vault.recordings.recordings.ring
    old = await open_recording(ring, await house.row(recording_id), await keys_of(house, recording_id))
    await redact(house, recording_id, SPAN)
    with pytest.raises(Busy):
        await house.vault.recordings.recordings.database.write(
            lambda tx: append(tx, old, "restriction", {"by": "x"}, at=datetime.now(UTC))
        )
    new = await open_recording(ring, await house.row(recording_id), await keys_of(house, recording_id))
    await house.vault.recordings.recordings.database.write(
        lambda tx: append(tx, new, "restriction", {"by": "x"}, at=datetime.now(UTC))
    )


async def test_an_open_session_ends_and_its_link_goes_on(either: House):
    """Who was listening hears no more of the old audio, and the new one by the same link."""
    body = speech()
    recording_id = await stored(either, body)
    playback = either.vault.playback
    _, token = await playback.links.create(either.account.id, recording_id, link_wish(), **ME)
    opened = await playback.open_links.open(token.text, nonce="n", address=None, agent="a")
    found = await playback.open_links.find(opened.session.id, opened.secret.text)
    old = await playback.audio.for_session(found.session, found.recording)
    assert await anext(aiter(await playback.audio.stream(old, 0, 100))) == body[:100]
    await redact(either, recording_id, SPAN)
    with pytest.raises(NotFound):
        await playback.audio.stream(old, 20_000, 20_100)
    assert "recording.missing" not in await either.events(recording_id)
    again = await playback.open_links.open(token.text, nonce="m", address=None, agent="a")
    found = await playback.open_links.find(again.session.id, again.secret.text)
    new = await playback.audio.for_session(found.session, found.recording)
    heard = [block async for block in await playback.audio.stream(new, 0, new.size)]
    assert b"".join(heard) == without_span(body)


async def test_a_download_that_runs_ends_without_an_alarm(house: House):
    """A key has no session that could end: the object that is gone was replaced, and is not missing."""
    recording_id = await stored(house, speech())
    sound = await house.vault.playback.audio.for_download(house.account.id, recording_id, actor="key_test")
    await redact(house, recording_id, SPAN)
    with pytest.raises(NotFound) as caught:
        await house.vault.playback.audio.stream(sound, 0, 100)
    assert type(caught.value) is NotFound
    assert "recording.missing" not in await house.events(recording_id)


async def test_a_wrong_result_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch):
    """One frame too many is silenced: the comparison finds it, and the old recording stays as it was."""
    from vault.domain.recordings import redaction  # noqa: PLC0415 - the module is changed
    from vault.errors import Refused  # noqa: PLC0415 - the same
    from vault.services.ingest import remove_spans  # noqa: PLC0415 - the same

    body = speech()
    recording_id = await stored(house, body)
    objects = house.audio_objects()

    class Wrong(redaction.Removal):
        def apply(self, start: int, block: bytes) -> bytes:
            right = bytearray(super().apply(start, block))
            right[-2:] = b"\0\0"
            return bytes(right)

    monkeypatch.setattr(remove_spans, "Removal", Wrong)
    with pytest.raises(Refused) as caught:
        await redact(house, recording_id, SPAN)
    assert caught.value.reasons == ("not_proved",)
    assert await house.heard(recording_id) == body
    assert house.audio_objects() == objects


@pytest.mark.parametrize("exact", [True, False], ids=["samples", "decoded"])
async def test_killed_anywhere_it_is_the_old_or_the_new(
    either: House, monkeypatch: pytest.MonkeyPatch, exact: bool
):
    """Before and after every call of the object store and the database; then the sweep leaves what the row names.

    Also where the audio is decoded to be stored, as that of a compressed format is.
    """
    monkeypatch.setattr("vault.services.ingest.remove_spans.has_samples", lambda *_: exact)
    body, steps, ends = speech(), 0, set()
    while True:
        recording_id = await stored(either, body, ref=f"rec-{steps}")
        life = Life(steps)
        service = either.vault.recordings.recordings.redact
        objects = Mortal(service.objects, life)
        remove = replace(
            service.remove, objects=objects, describe=replace(service.remove.describe, objects=objects)
        )
        mortal = replace(service, objects=objects, database=Mortal(service.database, life), remove=remove)
        try:
            await mortal(either.account.id, recording_id, [SPAN], reason="card data", **ME)
        except (Killed, Unavailable):
            steps += 1
        heard = await either.heard(recording_id)
        assert heard in {body, without_span(body)}
        ends.add(heard == body)
        while await either.vault.jobs.write_manifests():
            pass
        await either.sweep(scan=False)
        named = (await either.row(recording_id)).locations
        assert [key for key in either.audio_objects() if f"/{recording_id}/" in key] == sorted(named)
        assert await either.heard(recording_id) == heard
        if not life.dead:
            break
    assert ends == {True, False}
    assert steps > 10


async def test_a_recording_is_redacted_only_so_often(house: House, monkeypatch: pytest.MonkeyPatch):
    """Each time evidence and notes are sealed anew: the next one is refused, and nothing of it is left."""
    monkeypatch.setattr("vault.services.recordings.redact_recording.MAX_REDACTIONS", 2)
    recording_id = await stored(house, speech())
    for begin in (0, 1000):
        await redact(house, recording_id, Span(begin_ms=begin, end_ms=begin + 500))
    before = await house.heard(recording_id)
    with pytest.raises(Refused) as refused:
        await redact(house, recording_id, Span(begin_ms=2000, end_ms=2500))
    assert refused.value.reasons == ("too_many_redactions",)
    assert await house.heard(recording_id) == before
