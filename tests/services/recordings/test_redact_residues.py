"""Where audio could stay after a removal, and does not: a row of the table in docs/redact-a-recording.md for each."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.objects import FakeLocks
from tests.services.recordings.test_redact import keys_of, redact, speech, stored
from tests.support.pairs import keys_in
from tests.support.service_house import House
from vault.database.schema import core
from vault.domain.recordings.redaction import Span
from vault.domain.retention.object_lock import ObjectLock
from vault.errors import Tampered
from vault.objects.s3 import S3Store
from vault.services.shared.encrypted_fields import open_recording

SPAN = Span(begin_ms=1000, end_ms=2000)


async def test_every_version_of_the_old_object_goes(pair: House):
    """A bucket with versions keeps what was written over: the listing has none of the old object."""
    recording_id = await stored(pair, speech())
    (old,) = (await pair.row(recording_id)).locations
    if isinstance(pair.objects, S3Store):
        await asyncio.to_thread(_write_over, pair.objects, old)
    assert (await keys_in(pair.objects)).count(old) == (3 if isinstance(pair.objects, S3Store) else 1)
    await redact(pair, recording_id, SPAN)
    (new,) = (await pair.row(recording_id)).locations
    left = [key for key in await keys_in(pair.objects) if f"/{recording_id}/" in key]
    assert left == [new] != [old]


def _write_over(store: S3Store, key: str) -> None:
    """Let the bucket have three versions of an object."""
    named = {"Bucket": store.bucket, "Key": store.prefix + key}
    body = store.client.get_object(**named)["Body"].read()
    for _ in range(2):
        store.client.put_object(**named, Body=body)


async def test_what_a_lock_keeps_opens_for_nobody(either: House):
    """The store keeps the old object until the lock ends; no key of the vault opens it any more."""
    recording_id = await stored(either, speech())
    before = await either.row(recording_id)
    assert before.audio is not None
    either.objects.locks = FakeLocks(either.objects)
    lock = ObjectLock(until=datetime.now(UTC) + timedelta(days=365), mode="compliance")
    assert await either.objects.locks.set(before.audio.location, lock) is not None
    await redact(either, recording_id, SPAN)
    assert before.audio.location in either.audio_objects()
    assert before.audio.location not in (await either.row(recording_id)).locations
    new_keys = await keys_of(either, recording_id)
    opened = await open_recording(
        either.vault.recordings.recordings.ring, await either.row(recording_id), new_keys
    )
    with pytest.raises(Tampered):
        opened.opener(before.audio, "audio")


async def test_the_providers_copy_goes(house: House):
    """Also where the connection keeps it: it has what was removed."""
    recording_id = await stored(house, speech())
    await house.set(recording_id, source_ref="RE1")
    assert (await house.row(recording_id)).source_policy == "keep"
    await redact(house, recording_id, SPAN)
    assert (await house.row(recording_id)).source_policy == "always"


def test_there_is_no_transcript():
    """No table has a place for what was said: what the vault keeps of audio are samples, peaks and loudness."""
    names = [f"{table.name}.{column.name}" for table in core.metadata.tables.values() for column in table.c]
    assert len(names) > 300
    words = ("transcript", "speech", "utterance", "spoken", "subtitle")
    assert [name for name in names if any(word in name for word in words)] == []
