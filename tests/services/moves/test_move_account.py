"""An account moves from one vault to another, from SQLite to either database."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.services.events.test_polling import events, poll
from tests.services.moves.conftest import THERE, THERE_URL, TwoVaults
from tests.support.restoring import copied, house_over, write_all
from tests.support.service_house import AUDIO, SIGNER
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import metadata
from vault.database.schema.moves import arriving_rows
from vault.database.stores.moves.tables import CARRIED, LEFT
from vault.database.stores.node.account_moves import AccountMoveRows
from vault.domain.moves.move import Move, Phase
from vault.domain.progress import no_progress
from vault.domain.public_urls import PublicUrls
from vault.domain.recordings.recording import State
from vault.errors import NotFound, Refused, Tampered, Unavailable
from vault.services.audit_log.access_log import EventFilter
from vault.services.moves.carry_account import CarryAccount
from vault.services.moves.copy_objects import copy_objects
from vault.services.moves.move_account import MoveAccount
from vault.thread_pools import Threads
from vault.tlog.note import open_note


async def fails(*_: object, **__: object) -> bytes:
    """Stand for what does not answer."""
    raise Unavailable("It ends here.")


def test_each_table_goes_or_stays():
    """A table that nobody thought of would be left behind without a word."""
    named = [one.table.name for one in CARRIED] + [table.name for table in LEFT]
    assert sorted(named) == sorted(metadata.tables)


async def test_an_account_is_at_the_other_vault_and_no_longer_here(vaults: TwoVaults):
    """Its recordings are heard there, from the sealed objects as they were."""
    here, there, at_target = vaults.here, vaults.there, vaults.arrived
    recording_id = (await here.announce(call_ref="call-1")).recording_id or ""
    assert await here.settle(recording_id) is State.AVAILABLE
    sealed = {key: kept.body for key, kept in here.objects.objects.items() if key.startswith("recordings/")}

    move = await vaults.move("leaver", actor="operator")

    assert move.phase is Phase.MOVED
    assert await at_target.state(recording_id) is State.AVAILABLE
    assert await at_target.heard(recording_id) == AUDIO
    assert {key: there.objects.objects[key].body for key in sealed} == sealed
    with pytest.raises(NotFound):
        await here.vault.accounts.accounts.find("leaver")
    assert (await here.vault.accounts.accounts.find("acme")).ref == "acme"
    later = (await at_target.announce("rec-2", call_ref="call-2")).recording_id or ""
    assert await at_target.settle(later) is State.AVAILABLE


async def test_both_logs_sign_what_was_carried(vaults: TwoVaults):
    """The statement names the head of the first log, which has the account's last entry."""
    await vaults.here.announce(call_ref="call-1")
    move = await vaults.move("leaver", actor="operator")
    assert move.statement is not None
    note = open_note(move.statement, [SIGNER.verifier, THERE.verifier])
    assert set(note.signed_by) == {SIGNER.verifier, THERE.verifier}
    head = await vaults.here.database.read(lambda tx: tx.tree.head())
    assert f"from {SIGNER.name} {head.size} " in note.text
    assert "carried recordings 1 " in note.text


@pytest.mark.parametrize("times", [1, 100])
async def test_a_change_after_the_copy_is_carried(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch, times: int
):
    """What changes between the copy of the rows and the cut is seen, also in an account that never rests."""
    rewrapped, changed = CarryAccount.rewrapped, []

    async def and_change(self: CarryAccount, account_id: str):
        if len(changed) < times and await vaults.here.database.read(lambda tx: tx.accounts.find("leaver")):
            ref = f"late-{len(changed)}"
            changed.append((ref, await vaults.here.announce(ref, call_ref=ref)))
        return await rewrapped(self, account_id)

    monkeypatch.setattr(CarryAccount, "rewrapped", and_change)
    await vaults.move("leaver", actor="operator")
    for ref, receipt in changed:
        assert (await vaults.arrived.row(receipt.recording_id)).call_ref == ref


async def test_an_earlier_run_takes_nothing(vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch):
    """Two run at the same time: the one that began first ends, and the account leaves once and whole."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    rewrapped = CarryAccount.rewrapped

    async def and_another(self: CarryAccount, account_id: str):
        with monkeypatch.context() as patch:
            patch.setattr(CarryAccount, "rewrapped", rewrapped)
            await vaults.move.begin("leaver")
        return await rewrapped(self, account_id)

    with monkeypatch.context() as patch:
        patch.setattr(CarryAccount, "rewrapped", and_another)
        with pytest.raises(Refused, match="Another run"):
            await vaults.move("leaver", actor="operator")
    assert (await vaults.here.row(recording_id)).call_ref == "call-1"
    await vaults.move("leaver", actor="operator")
    assert (await vaults.arrived.row(recording_id)).call_ref == "call-1"


async def test_rows_that_the_other_vault_lost_do_not_arrive(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch
):
    """Its database went back to one from before the cut: nothing is signed for less than what left."""
    await vaults.here.announce(call_ref="call-1")
    with monkeypatch.context() as patch:
        patch.setattr(MoveAccount, "_arrive", fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator")
    account_id = vaults.here.account.id
    kept = select(arriving_rows).where(arriving_rows.c.account_id == account_id)
    rows = await vaults.there.database.read(lambda tx: tx.connection.execute(kept).mappings().all())
    await vaults.there.database.write(lambda tx: tx.moving_rows.forget_kept(account_id))
    with pytest.raises(Tampered, match="does not keep the rows"):
        await vaults.move("leaver", actor="operator")
    back = insert(arriving_rows)
    await vaults.there.database.write(
        lambda tx: tx.connection.execute(back, [dict(row) for row in rows]) and None
    )
    assert (await vaults.move("leaver", actor="operator")).statement is not None


async def test_a_move_keeps_its_target(vaults: TwoVaults):
    """Run with the settings of a third vault, or of this one itself, it is refused."""
    await vaults.move.begin("leaver")
    urls = PublicUrls(public_url="https://third.example")
    third = replace(vaults.move, there=replace(vaults.move.there, urls=urls))
    with pytest.raises(Refused, match=THERE_URL):
        await third("leaver", actor="operator")
    with pytest.raises(Refused, match="this vault itself"):
        await replace(vaults.move, there=vaults.move.here)("leaver", actor="operator")


async def test_names_are_taken_once(vaults: TwoVaults):
    """Where an account arrives, none of its name is opened; where it left, another one of its name can follow it."""
    with pytest.raises(Refused, match="has an account of this name"):
        await vaults.move("acme", actor="operator")
    await vaults.move.begin("leaver")
    opened = vaults.there.vault.accounts.accounts.open
    with pytest.raises(Refused, match="comes from another vault"):
        await opened("leaver", name=None, locale=None, actor="key_test")
    await vaults.move("leaver", actor="operator")
    await vaults.here.vault.accounts.accounts.open("leaver", name=None, locale=None, actor="key_test")
    with pytest.raises(Refused, match="has an account of this name"):
        await vaults.move("leaver", actor="operator")


async def test_an_account_stays_in_its_region(vaults: TwoVaults):
    """Unless the operator says that it may leave it."""
    account = vaults.here.account
    await vaults.here.database.write(
        lambda tx: tx.accounts.rename(account.id, name=account.name, locale=account.locale, region="eu")
    )
    elsewhere = replace(vaults.move, there=replace(vaults.move.there, region="us"))
    with pytest.raises(Refused, match="--leave-region"):
        await elsewhere("leaver", actor="operator")
    await elsewhere("leaver", actor="operator", leave_region=True)
    assert (await vaults.there.vault.accounts.accounts.find("leaver")).region == "us"


async def test_a_move_that_is_given_up_leaves_everything_as_it_was(vaults: TwoVaults):
    """The other vault is as empty as before."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    await vaults.here.settle(recording_id)
    before = dict(vaults.there.objects.objects)
    move = await vaults.move.begin("leaver")
    await vaults.here.database.read(vaults.move.carry._carry(move))
    await vaults.move.begin.give_up("leaver")
    assert vaults.there.objects.objects.keys() == before.keys()
    assert await vaults.there.database.read(lambda tx: tx.moving_rows.kept_digests(move.account_id)) == {}
    assert await vaults.here.heard(recording_id) == AUDIO
    with pytest.raises(NotFound):
        await vaults.move.begin.give_up("leaver")


async def test_an_account_that_moved_cannot_be_taken_back(vaults: TwoVaults):
    """From the cut on the move only goes on."""
    await vaults.move("leaver", actor="operator")
    with pytest.raises(Refused):
        await vaults.move.begin.give_up("leaver")


async def test_a_restore_does_not_bring_back_who_left(vaults: TwoVaults, tmp_path: Path, threads: Threads):
    """Neither into an empty database, nor into a copy from before the cut; what stays here comes back."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    assert await vaults.here.settle(recording_id) is State.AVAILABLE
    await write_all(vaults.here)
    old = copied(vaults.here, tmp_path / "old")
    await vaults.move("leaver", actor="operator")
    for path in (tmp_path / "new.db", old):
        async with house_over(vaults.here, SqliteDatabase(path), threads) as house:
            assert await house.vault.node.recovery.check()
            await house.vault.backup.restore(actor="operator")
            assert (await house.vault.accounts.accounts.find("acme")).ref == "acme"
            with pytest.raises(NotFound):
                await house.vault.accounts.accounts.find("leaver")
            assert await house.database.read(lambda tx: tx.recordings.by_id(recording_id)) is None
            move = await house.vault.node.old_addresses.of_account("leaver")
            assert move is not None
            assert move.peer_url == THERE_URL


async def test_the_sweep_spares_what_comes(vaults: TwoVaults):
    """Objects that were copied have no rows yet; once the move is given up, they are orphans."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    assert await vaults.here.settle(recording_id) is State.AVAILABLE
    move = await vaults.move.begin("leaver")
    await copy_objects(vaults.here.objects, vaults.there.objects, move.account_id, no_progress)
    copied_keys = [key for key in vaults.there.objects.objects if move.account_id in key]
    assert copied_keys
    await vaults.there.sweep()
    assert [key for key in vaults.there.objects.objects if move.account_id in key] == copied_keys
    await vaults.there.database.write(lambda tx: tx.account_moves.forget(move.account_id))
    await vaults.there.sweep()
    assert not [key for key in vaults.there.objects.objects if move.account_id in key]


async def test_events_are_told_of_what_was_before_the_cut_and_after_it(vaults: TwoVaults):
    """No worker has read the log when the account leaves; the numbers go on at the other vault."""
    await poll(vaults.here)
    before = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    assert await vaults.here.settle(before) is State.AVAILABLE
    await vaults.move("leaver", actor="operator")
    after = (await vaults.arrived.announce("rec-2", call_ref="call-2")).recording_id or ""
    assert await vaults.arrived.settle(after) is State.AVAILABLE
    await vaults.there.vault.jobs.log_publisher.sequence()
    await vaults.there.vault.jobs.publish_events.look()
    told = [one for one in events(await poll(vaults.arrived)) if one["type"] == "recording.available"]
    assert [one["data"]["recording"] for one in told] == [before, after]
    assert [one["sequence"] for one in told] == sorted({one["sequence"] for one in told})


async def test_an_account_does_not_leave_for_a_root_key_that_does_not_answer(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch
):
    """It is as it was, and goes once the key service of the other vault answers."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    assert await vaults.here.settle(recording_id) is State.AVAILABLE

    with monkeypatch.context() as patch:
        patch.setattr(vaults.there.root_key, "wrap", fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator")
        assert await vaults.here.heard(recording_id) == AUDIO
    await vaults.move("leaver", actor="operator")
    assert await vaults.arrived.heard(recording_id) == AUDIO


@pytest.mark.parametrize("step", ["_stay_away", "_statement", "rewrapped", "_after"])
async def test_a_move_that_dies_after_the_cut_goes_on(
    vaults: TwoVaults, monkeypatch: pytest.MonkeyPatch, step: str
):
    """The account is at one vault at most meanwhile; run again, the move ends, and nothing is there twice."""
    recording_id = (await vaults.here.announce(call_ref="call-1")).recording_id or ""
    assert await vaults.here.settle(recording_id) is State.AVAILABLE

    calls = 0
    rewrapped, put = CarryAccount.rewrapped, AccountMoveRows.put

    async def fails_later(self: CarryAccount, account_id: str):
        nonlocal calls
        calls += 1
        return await (rewrapped(self, account_id) if calls == 1 else fails())

    def dies_at_last(self: AccountMoveRows, move: Move) -> None:
        if move.phase is Phase.MOVED and move.statement is not None:
            raise Unavailable("The process ends here.")
        put(self, move)

    with monkeypatch.context() as patch:
        if step == "_after":
            patch.setattr(AccountMoveRows, "put", dies_at_last)
        elif step == "rewrapped":
            patch.setattr(CarryAccount, step, fails_later)
        else:
            patch.setattr(MoveAccount, step, fails)
        with pytest.raises(Unavailable):
            await vaults.move("leaver", actor="operator")
    with pytest.raises(NotFound):
        await vaults.here.vault.accounts.accounts.find("leaver")
    move = await vaults.move("leaver", actor="operator")
    assert move.statement is not None
    assert await vaults.arrived.heard(recording_id) == AUDIO
    await vaults.there.vault.jobs.log_publisher.sequence()
    entries = await vaults.there.vault.audit_log.access_log.list_events(
        vaults.here.account.id, EventFilter(), start=0, limit=1000
    )
    assert [logged.event.type for logged, _ in entries.items].count("account.arrived") == 1
