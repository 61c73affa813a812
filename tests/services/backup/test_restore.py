"""Restoring from the bucket: what passed the gate plays, what was taken back stays taken back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.services.audit_log.test_access_log import leaves_of
from tests.services.audit_log.test_publish import check_published
from tests.services.consent.test_notices import BEEP, ME, SPEECH, drafted
from tests.support.parties import causes
from tests.support.restoring import available, copied, empty_house, house_over, write_all
from tests.support.service_house import AUDIO, LONG_AGO, House
from vault.database.account_object import AccountObject
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import RecordingFilter, State
from vault.domain.stored.account_object_name import PREFIX
from vault.domain.stored.manifest import location_of as manifest_of
from vault.errors import NotAuthentic, NotFound
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads
from vault.tlog.log_file import read_head, verify_log


async def erased(house: House, ref: str) -> str:
    """Bring a recording through the gate, and erase it."""
    recording_id = await available(house, ref)
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    assert await house.settle(recording_id) is State.ERASED
    return recording_id


async def refused(house: House, ref: str) -> str:
    """Announce a recording, and refuse it by the switch before it comes in."""
    recording_id = (await house.announce(ref)).recording_id
    await house.vault.accounts.switch.set(
        house.account.id, enabled=False, reason="so it was said", actor="key_test"
    )
    await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, actor="key_test")
    assert await house.state(recording_id) is State.REFUSED
    return recording_id


async def off(house: House) -> None:
    """Switch recording off."""
    await house.vault.accounts.switch.set(
        house.account.id, enabled=False, reason="for good", actor="key_admin"
    )


async def test_everything_comes_back_from_the_bucket_alone(house: House, tmp_path: Path, threads: Threads):
    """Recordings play and are found, erased and refused ones stay so, and the switch is where it was."""
    said = {"from": "+4915112345678", "to": "+33612345678", "agent": "Ada", "call_ref": "call-1"}
    heard, gone = await available(house, "rec-1", **said), await erased(house, "rec-2")
    held = await available(house, "rec-4", call_ref="call-2")
    never = await refused(house, "rec-3")
    await house.vault.recordings.recordings.restrict(
        house.account.id, held, restricted=True, reason="wait", actor="key_test"
    )
    await off(house)
    before = await house.vault.accounts.switch.read(house.account.id)
    history = await house.vault.accounts.switch.history(house.account.id)
    await write_all(house)
    rows = {one: await house.row(one) for one in (heard, never, held)}
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert await new.vault.node.recovery.check()
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert {name: report.counts[name] for name in ("accounts", "available", "tombstones")} == {
            "accounts": 1, "available": 2, "tombstones": 2,
        }  # fmt: skip
        assert not await new.vault.node.recovery.check()
        assert await new.heard(heard) == AUDIO
        assert await new.state(gone) is State.ERASED
        for one in (gone, held):
            with pytest.raises(NotFound):
                await new.heard(one)
        assert await new.vault.accounts.switch.read(new.account.id) == before
        assert await new.vault.accounts.switch.history(new.account.id) == history
        for one, row in rows.items():
            assert replace(await new.row(one), attempts=0) == replace(row, attempts=0)
        assert await causes(new, held) == ["admin"]
        for wanted in ({"number": "+33612345678"}, {"agent": "Ada"}):
            asked = {"number": None, "agent": None} | wanted
            found = await new.vault.recordings.recordings.page(
                new.account.id, RecordingFilter(), **asked, before=None, limit=9
            )
            # The one that was refused is of the same call.
            assert {one.recording.id for one in found} == {heard, never}
            assert {one.facts.callee for one in found} == {"+33612345678"}


async def test_the_log_goes_on_from_where_it_was_published(house: House, tmp_path: Path, threads: Threads):
    """Every leaf stands where it stood, an earlier checkpoint fits, and the restore itself is on record."""
    await available(house, "rec-1")
    await write_all(house)
    earlier = (await house.database.read(lambda tx: tx.checkpoints.last())).note
    await off(house)
    await write_all(house)
    leaves = await leaves_of(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        await new.vault.backup.restore(actor="operator")
        now = await leaves_of(new)
        assert now[:-1] == leaves
        assert json.loads(now[-1])["type"] == "vault.restored"
        export = b"".join([part async for part in await new.vault.audit_log.proofs.export(None)])
        lines = iter(export.splitlines(keepends=True))
        head = read_head(lines)
        verified = verify_log(lines, head.note, [head.verifier], earlier=[earlier])
        assert verified.checkpoint.size == len(leaves) + 1
        # What is published next continues what lies there: nothing is overwritten with something else.
        await write_all(new)
        assert check_published(new) == now


async def test_an_old_copy_takes_back_what_happened_since(house: House, tmp_path: Path, threads: Threads):
    """Erased stays erased, refused refused, off off, restricted restricted, revoked revoked; the rest comes in."""
    erased_later = await available(house, "rec-1")
    held_later = await available(house, "rec-2", call_ref="call-2")
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=1)
    link, _ = await house.vault.playback.links.create(house.account.id, held_later, wish, actor="key_test")
    key, text = await house.vault.accounts.api_keys.issue(
        name="k", scopes=["*"], account_id=None, actor="operator"
    )
    waiting = (await house.announce("rec-3", call_ref="call-3")).recording_id
    await house.set(waiting, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    transferred = (await house.announce("rec-4", call_ref="call-4")).recording_id
    old = copied(house, tmp_path / "old")
    assert await house.settle(transferred) is State.AVAILABLE
    new_one = await available(house, "rec-5", call_ref="call-5")
    await house.vault.recordings.recordings.erase(house.account.id, erased_later, actor="key_test")
    await house.settle(erased_later)
    await house.vault.recordings.recordings.restrict(
        house.account.id, held_later, restricted=True, reason=None, actor="key_test"
    )
    await house.vault.playback.links.revoke(house.account.id, held_later, link.id, actor="key_test")
    await house.vault.accounts.api_keys.revoke(key.id, account_id=None, actor="operator")
    await off(house)
    switch, history = await switch_of(house)
    await write_all(house)
    states = {one: await house.state(one) for one in (waiting, transferred, new_one, held_later)}
    async with house_over(house, SqliteDatabase(old), threads) as new:
        assert await new.vault.node.recovery.check()
        assert await new.state(erased_later) is State.AVAILABLE
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert not await new.vault.node.recovery.check()
        assert await new.keys_gone(erased_later)
        await new.settle(erased_later)
        assert await new.state(erased_later) is State.ERASED
        assert {one: await new.state(one) for one in states} == states
        assert await new.keys_gone(waiting)
        assert (await new.row(held_later)).restricted
        assert await causes(new, held_later) == ["admin"]
        assert await switch_of(new) == (switch, history)
        stopped = await new.database.read(lambda tx: tx.links.get(house.account.id, link.id))
        assert stopped is not None
        assert stopped.revoked_at is not None
        with pytest.raises(NotAuthentic):
            await new.vault.accounts.api_keys.authenticate(text.text)
        for one in (transferred, new_one):
            assert await new.heard(one) == AUDIO


async def switch_of(house: House) -> tuple[object, object]:
    """Return switch and history."""
    switch = house.vault.accounts.switch
    return await switch.read(house.account.id), await switch.history(house.account.id)


async def test_an_old_copy_learns_the_switch_from_the_log_alone(
    house: House, tmp_path: Path, threads: Threads
):
    """The account's object was not written any more: the log says off, when, by whom, and in which epoch."""
    waiting = (await house.announce("rec-1")).recording_id
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    kept = dict(house.objects.objects)
    switch, history = await switch_of(house)
    await write_all(house)
    for key in [key for key in house.objects.objects if key.startswith((PREFIX, "tombstones/", "closing/"))]:
        del house.objects.objects[key]
    house.objects.objects |= {key: one for key, one in kept.items() if key.startswith(PREFIX)}
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        now, changes = await switch_of(new)
        assert now == switch
        # The reason is the admin's own words, which the log has not.
        assert changes == [*history[:-1], replace(history[-1], reason=None)]
        assert await new.state(waiting) is State.REFUSED
        assert await new.keys_gone(waiting)


async def test_what_never_passed_the_gate_may_come_again(house: House, tmp_path: Path, threads: Threads):
    """A quarantined recording is not in the bucket: it is gone, and is taken in again; a refused one is not."""
    account_id = house.account.id
    await house.vault.consent.policy.set(account_id, ConsentPolicy(), if_version=None, actor="key_test")
    never = (await house.announce("rec-2", call_ref="call-8")).recording_id
    quarantined = (await house.announce("rec-1", call_ref="call-9")).recording_id
    for one in (never, quarantined):
        assert await house.settle(one, rounds=3) is State.QUARANTINED
    await house.vault.recordings.quarantine.refuse(account_id, never, reason="no", actor="key_test")
    await write_all(house)
    assert manifest_of(account_id, quarantined) not in house.objects.objects
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        with pytest.raises(NotFound):
            await new.vault.recordings.recordings.read(new.account.id, quarantined)
        again = (await new.announce("rec-1", call_ref="call-9")).recording_id
        assert again != quarantined
        assert await new.settle(again, rounds=3) is State.QUARANTINED
        assert (await new.announce("rec-2", call_ref="call-8")).recording_id == never
        assert await new.settle(never) is State.REFUSED
        # The audio that nothing opens any more goes with the sweep; the other stays.
        await new.sweep()
        assert {key.split("/")[2] for key in new.audio_objects()} == {again}


async def everything(house: House) -> AccountObject:
    """Return all that is written of the account, but for when."""
    known = await house.database.read(lambda tx: tx.account_objects.read(house.account.id))
    return replace(known, revision=0, as_of=LONG_AGO)


async def test_settings_come_back(house: House, tmp_path: Path, threads: Threads):
    """Connections with their secrets, policies, objections and notices with their audio."""
    vault, account_id = house.vault, house.account.id
    await vault.consent.objections.enter(account_id, "+33612345678", reason="asked", actor="key_test")
    await vault.consent.objections.enter(account_id, "+33687654321", reason=None, actor="key_test")
    await vault.consent.objections.end(account_id, "+33687654321", actor="key_test")
    notice = (await drafted(house)).id
    await vault.consent.notices.set_audio(account_id, notice, SPEECH, BEEP, **ME)
    await vault.consent.notices.publish(account_id, notice, **ME)
    await drafted(house)
    await write_all(house)
    prompt = await vault.consent.notices.read_audio(notice, "pcm16")
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await everything(new) == await everything(house)
        assert await new.vault.consent.notices.read_audio(notice, "pcm16") == prompt
        assert await new.settle((await new.announce("rec-1")).recording_id) is State.AVAILABLE


@pytest.mark.parametrize("manifest", ["deleted", "put back"])
async def test_the_log_alone_keeps_what_was_erased(
    house: House, tmp_path: Path, threads: Threads, manifest: str
):
    """Its tombstone is lost, and somebody may have put its manifest and its audio back: it opens nothing."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    old = copied(house, tmp_path / "old")
    kept = dict(house.objects.objects)
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    assert await house.settle(recording_id) is State.ERASED
    await write_all(house)
    for key in [key for key in house.objects.objects if key.startswith("tombstones/")]:
        del house.objects.objects[key]
    if manifest == "put back":
        house.objects.objects |= {
            key: one for key, one in kept.items() if key.startswith(("manifests/", "recordings/"))
        }
        async with empty_house(house, tmp_path / "new", threads) as new:
            assert (await new.vault.backup.restore(actor="operator")).counts["available"] == 0
            assert await new.keys_gone(recording_id)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert await new.keys_gone(recording_id)
        assert await new.settle(recording_id) is State.ERASED
        assert new.audio_objects() == []
        assert not [key for key in new.objects.objects if key.startswith("manifests/")]


async def test_off_counts_though_the_log_was_not_published_any_more(
    house: House, tmp_path: Path, threads: Threads
):
    """The account's object alone says off: what was on its way in the old copy is refused, its key gone."""
    waiting = (await house.announce("rec-1")).recording_id
    await house.set(waiting, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    old = copied(house, tmp_path / "old")
    await available(house, "rec-2", call_ref="call-2")
    await write_all(house)
    await off(house)
    assert await house.vault.jobs.write_account_objects()
    switch = await switch_of(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await switch_of(new) == switch
        assert await new.state(waiting) is State.REFUSED
        assert await new.keys_gone(waiting)
