"""The largest closing acts that are accepted survive an old backup; a larger one is refused before it is committed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services.closing_acts.request_verbs import asked
from tests.services.closing_acts.test_closing import acts_in, journal_of
from tests.support.parties import ME, let_in, set_policy
from tests.support.restoring import backed_up, copied, empty_house, house_over, settle_journal, write_all
from tests.support.retention import place
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.audit_log import closing_acts as closing_store
from vault.domain.requests.request import Request, RequestState, Ruling, Verdict
from vault.domain.retention.hold import MAX_COVERED
from vault.domain.stored.closing_acts import location_of
from vault.errors import Held, TooLarge
from vault.services.closing_acts import journal
from vault.thread_pools import Threads
from vault.tlog.note import MAX_NOTE_BYTES

#: Recordings, and calls without one, that a decision is at most on.
_FOUND = 10_000


async def _decided(house: House, request_id: str) -> Request:
    """Decide as on the most that a search finds, with the longest refs of calls."""
    sealed = house.vault.requests.requests.sealed
    request = await sealed.read(house.account.id, request_id)
    assert request.personal is not None
    ruling = Ruling(
        default=Verdict(code="erased"),
        recordings=tuple(f"rec_{number:032x}" for number in range(_FOUND)),
        calls=tuple(f"{number:0200}" for number in range(_FOUND)),
        at=datetime.now(UTC),
        by=ME["actor"],
    )
    decided = replace(
        request, state=RequestState.EXECUTING, personal=replace(request.personal, ruling=ruling)
    )
    return await sealed.change(decided, "request.decided", actor=ME["actor"], at=ruling.at)


def _largest(house: House) -> int:
    return max(len(kept.body) for key, kept in house.objects.objects.items() if key.startswith("closing/"))


async def test_an_old_backup_learns_the_largest_decision(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
):
    """On 10,000 recordings and 10,000 calls whose refs have 200 characters."""
    request_id = await asked(either, "letter 7")
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        decided = await _decided(later, request_id)
        assert _largest(later) > 10 * MAX_NOTE_BYTES
        async with house_over(later, old, threads) as late:
            assert await late.vault.node.recovery.check()
            report = await late.vault.backup.restore(actor="operator")
            assert report.findings == []
            assert not await late.vault.node.recovery.check()
            assert (await late.vault.requests.requests.sealed.read(late.account.id, request_id)) == decided


async def test_an_old_backup_learns_the_largest_hold(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads
):
    """Of 500 national numbers, each of which can mean numbers of several countries."""
    await set_policy(either, home_place="US-WA", missing_evidence="accept", reason="not the subject")
    recording_id = await let_in(either, **{"from": "+12025550007"})
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        hold = (await place(later, numbers=[f"202-555-{number:04}" for number in range(MAX_COVERED)])).hold
        assert _largest(later) > MAX_NOTE_BYTES
        async with house_over(later, old, threads) as late:
            assert await late.vault.node.recovery.check()
            await late.vault.backup.restore(actor="operator")
            in_effect = await old.read(lambda tx: tx.holds.in_effect(late.account.id, tx.now()))
            assert in_effect == [hold]
            with pytest.raises(Held):
                await late.vault.recordings.recordings.erase(late.account.id, recording_id, **ME)


async def test_a_larger_act_is_refused_before_it_is_committed(either: House, monkeypatch: pytest.MonkeyPatch):
    """A restore would not read its object, so nothing changes, and nothing is stored."""
    monkeypatch.setattr(closing_store, "MAX_ACT_BYTES", 2000)
    with pytest.raises(TooLarge, match="name fewer"):
        await place(either, calls=[f"call-{number}" for number in range(MAX_COVERED)])
    assert await either.vault.retention.holds.page(either.account.id, after=None, limit=9) == []
    assert acts_in(either) == {}
    await place(either, calls=["call-1"])
    assert [*acts_in(either).values()] == [["hold.placed"]]


async def test_an_object_above_the_limit_is_a_finding(
    house: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """A restore names it, and reads the others."""
    old = copied(house, tmp_path / "old")
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    large = location_of(house.account.id, "evt_1")
    await house.objects.put(large, b"x" * 3000)
    monkeypatch.setattr(journal, "MAX_OBJECT_BYTES", 2500)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        findings: list[str] = []
        found = await journal_of(late).missing(late.database, kept=True, findings=findings)
        assert [act.event.type for act in found] == ["switch.changed"]
        assert findings == [f"{large}: The object is too large for a closing act."]


async def test_the_bucket_alone_has_the_largest_closed_request(
    house: House, tmp_path: Path, threads: Threads
):
    """It is in an object of its own, of some megabytes."""
    request_id = await asked(house, "letter 7")
    decided = await _decided(house, request_id)
    closed = replace(decided, state=RequestState.FULFILLED, closed_at=datetime.now(UTC))
    closed = await house.vault.requests.requests.sealed.change(
        closed, None, actor=ME["actor"], at=datetime.now(UTC)
    )
    await settle_journal(house)
    async with empty_house(house, tmp_path, threads) as late:
        report = await late.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert await late.vault.requests.requests.sealed.read(late.account.id, request_id) == closed
