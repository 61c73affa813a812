"""What must be true once the fault is gone, looked at by a node that has met none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from tests.faults.nth_story import FETCHED, Site, Story
from tests.support.whole_log import WholeLog, read_export
from vault.database.schema.core import accounts, connections, links, recordings
from vault.domain.recordings.recording import State
from vault.domain.stored.account_envelope import decode_envelope
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.domain.stored.tombstone import decode_tombstones
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.service import Vault
from vault.tlog.hashing import leaf_hash

#: What happened once, whatever was repeated: kinds of events, of the recording that stays, and of the other.
_ONCE = ("account.opened", "key.rotated", "key.rewrapped", "key.destroyed")
_OF_EACH = ("recording.available",)
_OF_SENT = ("recording.erasing", "recording.erased")
_NEVER = (
    "recording.tampered",
    "recording.missing",
    "store.went_back",
    "recording.conflict",
    "playback.denied",
)


async def check(story: Story) -> None:
    """Raise AssertionError for the first promise that does not hold."""
    site = story.site
    await _rows(story)
    for vault in (site.vault, site.quiet):
        assert await _heard(vault, story) == FETCHED
    await _keys(story)
    await _objects(story)
    while await site.quiet.jobs.log_publisher.sequence():
        pass
    log = await _log(site)
    _events(log, story, await site.database.read(lambda tx: _count(tx, links)))
    checked = await replace(site.quiet.backup.fsck, grace=-timedelta(days=1))(sample=9, rate=0)
    assert checked.findings == []


async def _rows(story: Story) -> None:
    """Everything is there once, and in the state that it was brought to."""
    read = story.site.database.read
    assert await read(lambda tx: [_count(tx, one) for one in (accounts, connections, recordings)]) == [
        1,
        1,
        2,
    ]
    fetched, sent = await story.row(story.fetched), await story.row(story.sent)
    assert (fetched.state, sent.state) == (State.AVAILABLE, State.ERASED)
    assert await read(lambda tx: (tx.recordings.keys(sent.id), tx.evidence.of_recording(sent.id))) == (
        None,
        [],
    )
    for due in ("manifests_due", "tombstones", "account_objects"):
        assert not await read(lambda tx, due=due: _due(tx, due))  # type: ignore[misc]


async def _heard(vault: Vault, story: Story) -> bytes:
    sound = await vault.playback.audio.for_download(story.account, story.fetched, actor="key_test")
    return b"".join([block async for block in await vault.playback.audio.stream(sound, 0, sound.size)])


async def _keys(story: Story) -> None:
    """The first version is destroyed, with a statement, and nothing lies under it."""
    progress = await story.site.quiet.key_rotation.rotations.status(story.account)
    (rotation,) = progress.rotations
    assert (progress.current, rotation.statement is not None, progress.remaining) == (2, True, {})
    versions = await story.site.database.read(lambda tx: list(tx.rotations.wrapped_keys()))
    assert versions == [(story.account, 2)]


async def _objects(story: Story) -> None:
    """Nothing lies there but what is named, and no copy of a key that was destroyed."""
    store = story.site.quiet.jobs.sweep.objects
    row = await story.row(story.fetched)
    there = sorted([one.key async for one in store.list("")])
    named = {row.audio.location, location_of(row.account_id, row.id)}
    rest = [key for key in there if key not in named and not key.startswith("log/")]
    assert named <= {*there}
    month_key = decode_manifest(await store.get(location_of(row.account_id, row.id))).keys.month_key
    assert month_key is not None
    month = await story.site.database.read(lambda tx: tx.month_keys.get(row.account_id, month_key))
    assert month.key_version == 2
    places = Counter(key.split("/")[0] for key in rest)
    # Tombstones say no more the second time than the first.
    assert {*places} == {"accounts", "tombstones"}, rest
    assert places["accounts"] == 1, rest
    for key in rest:
        stored = await store.get(key)
        if key.startswith("accounts/"):
            assert [*decode_envelope(stored).keys] == [2]
        else:
            assert [one.id for one in decode_tombstones(stored)] == [story.sent]
    later = row.received_at + timedelta(days=2)
    assert await store.abort_uploads("", before=later) == 0


async def _log(site: Site) -> WholeLog:
    """The log verifies, and what was published is its beginning."""
    log = read_export(b"".join([part async for part in await site.quiet.audit_log.proofs.export(None)]))
    store = site.quiet.jobs.sweep.objects
    published = PublishedLog(database=site.database, objects=store, signer=site.quiet.jobs.rewrap.signer)
    found = await published.newest()
    assert found is not None
    leaves = [leaf async for bundle in published.bundles(found) for leaf in bundle]
    assert [leaf_hash(leaf) for leaf in leaves] == log.hashes[: len(leaves)]
    assert not await published.is_newer()
    assert not await site.database.read(lambda tx: tx.tree.waiting())
    return log


def _events(log: WholeLog, story: Story, made: int) -> None:
    """What happened is on record, once where it happened once; and no byte was played that was not granted."""
    said = Counter((event["type"], event.get("recording")) for event in log.events.values())
    wanted = Counter((kind, None) for kind in _ONCE)
    wanted += Counter((kind, one) for kind in _OF_EACH for one in (story.fetched, story.sent))
    wanted += Counter((kind, story.sent) for kind in _OF_SENT)
    assert {one: said[one] for one in wanted} == dict(wanted)
    assert not [one for one in said if one[0] in _NEVER]
    assert said["link.created", story.fetched] == made >= 1
    assert _played(log) == len(FETCHED)


def _played(log: WholeLog) -> int:
    events: Sequence[Any] = list(log.events.values())
    granted = max(event["end"] for event in events if event["type"] == "playback.grant")
    # How far it came at last may be missing: then the grants are what counts.
    assert granted >= max((event["end"] for event in events if event["type"] == "playback.end"), default=0)
    return granted


def _count(tx: Any, table: Any) -> int:
    return tx.connection.execute(select(func.count()).select_from(table)).scalar_one()


def _due(tx: Any, what: str) -> Any:
    return tx.queue.manifests_due(1) if what == "manifests_due" else getattr(tx, what).due(1)
