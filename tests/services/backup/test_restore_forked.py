"""A database that lost its last seconds and went on from there: both histories come together, the closed one wins."""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.services.audit_log.test_access_log import leaves_of
from tests.support.counts import count
from tests.support.restoring import available, copied, house_over, write_all
from tests.support.service_house import AUDIO, SIGNER, WITHOUT_EVIDENCE, House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import metadata
from vault.domain.recordings.recording import State
from vault.errors import NotAuthentic, Refused
from vault.services.accounts.connections import ConnectionRequest
from vault.services.audit_log.checkpoints import root_of
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads
from vault.tlog.checkpoint import open_checkpoint

pytestmark = pytest.mark.faults
HISTORIES = ((), (False,), (False, True), (True, False))


async def switched(house: House, account_id: str, *, on: bool) -> None:
    """Switch an account's recording."""
    await house.vault.accounts.switch.set(account_id, enabled=on, reason=None, actor="key_test")


async def opened(house: House, ref: str) -> str:
    """Open an account that records."""
    account, _ = await house.vault.accounts.accounts.open(ref, name=None, locale=None, actor="key_test")
    await house.vault.consent.policy.set(account.id, WITHOUT_EVIDENCE, if_version=None, actor="key_test")
    return account.id


def ends_off(history: Sequence[bool], *, was: bool) -> bool:
    """Say whether one history closes the switch, by a change of its own."""
    states = [was]
    for on in history:
        if on != states[-1]:
            states.append(on)
    return len(states) > 1 and not states[-1]


async def test_the_closed_switch_wins_whatever_both_histories_did(
    house: House, tmp_path: Path, threads: Threads
):
    """Off in either history is off; an on after an off of its own history stays on, where the other did nothing."""
    cases = list(product((True, False), HISTORIES, HISTORIES))
    ids = [await opened(house, f"case-{n}") for n in range(len(cases))]
    for one, (was, _, _) in zip(ids, cases, strict=True):
        await switched(house, one, on=was)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    for one, (_, lost, _) in zip(ids, cases, strict=True):
        for on in lost:
            await switched(house, one, on=on)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        for one, (_, _, own) in zip(ids, cases, strict=True):
            for on in own:
                await switched(new, one, on=on)
        assert await new.vault.node.recovery.check()
        await new.vault.backup.restore(actor="operator")
        for one, (was, lost, own) in zip(ids, cases, strict=True):
            changed = [history[-1] for history in (lost, own) if history]
            wanted = was
            if ends_off(lost, was=was) or ends_off(own, was=was):
                wanted = False
            elif changed and any(changed):
                wanted = True
            switch, history = (
                await new.vault.accounts.switch.read(one),
                await new.vault.accounts.switch.history(one),
            )
            assert switch.enabled is wanted, (was, lost, own)
            assert (history[-1].enabled, history[-1].epoch) == (switch.enabled, switch.epoch)
            assert [change.at for change in history] == sorted(change.at for change in history)


async def parted(house: House, new: House, ids: dict[str, Any]) -> None:
    """Let both histories go on: what the lost one did is anchored, what the present one did is acknowledged."""
    vault, account_id = house.vault, house.account.id
    ids["lost"] = await available(house, "rec-lost", call_ref="call-lost")
    await vault.accounts.api_keys.issue(name="gone", scopes=["*"], account_id=None, actor="operator")
    await vault.recordings.recordings.erase(account_id, ids["erased"], actor="key_test")
    await vault.recordings.recordings.restrict(
        account_id, ids["held"], restricted=True, reason=None, actor="key_test"
    )
    await vault.consent.objections.enter(account_id, "+33612345678", reason="asked", actor="key_test")
    await vault.accounts.api_keys.revoke(ids["key"][0].id, account_id=None, actor="operator")
    await vault.playback.links.revoke(account_id, ids["held"], ids["link"], actor="key_test")
    await switched(house, ids["off"], on=False)
    await connected(house, "lost")
    await house.settle(ids["erased"])
    await write_all(house)
    ids["own"] = await available(new, "rec-own", call_ref="call-own")
    await new.vault.consent.objections.enter(account_id, "+33687654321", reason="again", actor="key_test")
    ids["own key"] = await new.vault.accounts.api_keys.issue(
        name="own", scopes=["*"], account_id=None, actor="operator"
    )
    await switched(new, ids["own off"], on=False)
    await connected(new, "own")
    policy = replace(WITHOUT_EVIDENCE, quarantine_days=5)
    await new.vault.consent.policy.set(account_id, policy, if_version=None, actor="key_test")


async def connected(house: House, name: str) -> None:
    """Connect the account to another platform."""
    wish = ConnectionRequest(provider="platform", credentials={"secret": house.secret})
    await house.vault.accounts.connections.set(house.account.id, name, wish, actor="key_test")


async def common(house: House) -> dict[str, Any]:
    """Bring in what both histories begin with."""
    ids: dict[str, Any] = {name: await opened(house, name.replace(" ", "-")) for name in ("off", "own off")}
    for one in ("off", "own off"):
        await switched(house, ids[one], on=True)
    ids["erased"] = await available(house, "rec-1", call_ref="call-1")
    ids["held"] = await available(house, "rec-2", call_ref="call-2")
    ids["key"] = await house.vault.accounts.api_keys.issue(
        name="k", scopes=["*"], account_id=None, actor="operator"
    )
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=1)
    link, _ = await house.vault.playback.links.create(house.account.id, ids["held"], wish, actor="key_test")
    ids["link"] = link.id
    await write_all(house)
    return ids


async def check_joined(house: House, new: House, ids: dict[str, Any], own: Sequence[bytes]) -> None:
    """Nothing of either is lost: closed is closed, available plays, and the log has both, the anchored one first."""
    account_id = new.account.id
    for name in ("lost", "own"):
        assert await new.heard(ids[name]) == AUDIO
    await new.settle(ids["erased"])
    assert await new.state(ids["erased"]) is State.ERASED
    assert (await new.row(ids["held"])).restricted
    listed = await new.vault.consent.objections.list(account_id, after=None, limit=9)
    assert {one.number for one in listed} == {"+33612345678", "+33687654321"}
    found = await new.database.read(lambda tx: tx.connections.of_account(account_id))
    assert {one.name for one in found} == {"main", "lost", "own"}
    with pytest.raises(NotAuthentic):
        await new.vault.accounts.api_keys.authenticate(ids["key"][1].text)
    await new.vault.accounts.api_keys.authenticate(ids["own key"][1].text)
    for name in ("off", "own off"):
        assert not (await new.vault.accounts.switch.read(ids[name])).enabled
    assert (await new.vault.consent.policy.read(account_id)).quarantine_days == 5
    while await new.vault.jobs.log_publisher.sequence():
        pass
    leaves, lost = await leaves_of(new), await leaves_of(house)
    assert leaves[: len(lost)] == lost
    rest = [one for one in leaves[len(lost) :] if one in own]
    assert rest == [one for one in own if one not in lost]
    kinds = [json.loads(one)["type"] for one in leaves]
    assert (kinds.count("log.database_went_back"), kinds.count("vault.restored")) == (1, 1)


async def reconciliations(house: House) -> dict[str, datetime]:
    """Take every list that is due, and return since when it is compared."""
    due = {}
    while claimed := await house.database.write(
        lambda tx: tx.connections.claim_reconciliation(pause=timedelta(hours=1))
    ):
        due[claimed[0].id] = claimed[1]
    return due


async def test_nothing_of_either_history_is_lost(house: House, tmp_path: Path, threads: Threads):
    """What was closed in the lost seconds, and all that was acknowledged after them; a second run changes nothing."""
    ids = await common(house)
    async with house_over(house, SqliteDatabase(copied(house, tmp_path / "old")), threads) as new:
        await parted(house, new, ids)
        own, listed_at = await leaves_of(new), datetime.now(UTC)
        main = new.connection_id
        await new.database.write(lambda tx: tx.connections.reconciled(main, listed_at))
        assert await new.vault.node.recovery.check()
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        [note] = report.notes
        assert "1 API keys" in note
        # The provider's list is compared immediately, for the whole time that was lost.
        due = await reconciliations(new)
        assert due[main] < listed_at
        await check_joined(house, new, ids, own)
        assert not await new.vault.node.recovery.check()
        before = await everything(new)
        with pytest.raises(Refused):
            await new.vault.backup.restore(actor="operator")
        assert await everything(new) == before
        # What is anchored next goes on from what was shown.
        await write_all(new)
        last = await new.database.read(lambda tx: tx.checkpoints.last())
        assert last is not None
        shown = open_checkpoint(last.note, [SIGNER.verifier])
        assert await new.database.read(lambda tx: root_of(tx, shown.size)) == shown.root
        assert not await new.vault.node.recovery.check()


async def everything(house: House) -> dict[str, list[Any]]:
    """Return every row of every table."""
    return await house.database.read(
        lambda tx: {
            table.name: sorted(map(repr, tx.connection.execute(select(table))))
            for table in metadata.sorted_tables
        }
    )


class KilledError(BaseException):
    """The process ends here; nothing of it goes on."""


class Mortal:
    """A database, or an object store, under a process that ends at its n-th call, before or after it."""

    def __init__(self, inner: Any, left: list[int], *, after: bool) -> None:
        self._inner, self._left, self._after = inner, left, after

    def __getattr__(self, name: str) -> Any:
        """Pass on what is not counted."""
        return getattr(self._inner, name)

    async def write(self, function: Callable[[Any], Any], *, urgent: bool = False) -> Any:
        """Count a write."""
        return await self._call(lambda: self._inner.write(function, urgent=urgent))

    async def get(self, key: str) -> bytes:
        """Count a reading of an object."""
        return await self._call(lambda: self._inner.get(key))

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self._left[0] -= 1
        if not self._left[0] and not self._after:
            raise KilledError
        result = await call()
        if not self._left[0]:
            raise KilledError
        return result


async def test_it_may_be_killed_at_any_call_and_is_run_again(house: House, tmp_path: Path, threads: Threads):
    """After the n-th write or read of an object, by a process that died, the next run brings both together."""
    ids = await common(house)
    old = copied(house, tmp_path / "old")
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await parted(house, new, ids)
        own = await leaves_of(new)
        copy = copied(new, tmp_path / "parted")
    objects = dict(house.objects.objects)
    step = count("calls between two deaths", small=17, full=1)
    for number, at in enumerate(range(1, 10_000, step)):
        house.objects.objects = dict(objects)
        folder = tmp_path / f"try-{number}"
        folder.mkdir()
        (folder / copy.name).write_bytes(copy.read_bytes())
        wal = copy.with_name(copy.name + "-wal")
        if wal.exists():
            (folder / wal.name).write_bytes(wal.read_bytes())
        left, database = [at], SqliteDatabase(folder / copy.name)
        mortal = replace(house, objects=Mortal(house.objects, left, after=number % 2 == 1))
        died = False
        async with house_over(mortal, Mortal(database, left, after=number % 2 == 1), threads) as new:  # type: ignore[arg-type]
            try:
                await new.vault.backup.restore(actor="operator")
            except KilledError:
                died = True
        async with house_over(house, SqliteDatabase(folder / copy.name), threads) as new:
            with suppress(Refused):  # It had come to its end.
                await new.vault.backup.restore(actor="operator")
            await check_joined(house, new, ids, own)
        if not died:
            return
    pytest.fail("It never came to its end.")
