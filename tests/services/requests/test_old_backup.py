"""A backup from before holds and erasures is put back, on both databases: holds stand, and nothing comes back.

All of it before any sweep ran. Then the sweep runs, with everything due.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services.requests.people import PERSON, ask, asks, call, carried_out, decide, recorded
from tests.support.parties import ME, set_policy, tell
from tests.support.restoring import backed_up, house_over, settle_journal, write_all
from tests.support.retention import kept, place, release, set_retention
from tests.support.service_house import House
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import RequestState
from vault.errors import Held, NotFound, RecordingErased
from vault.thread_pools import Threads
from vault.worker.tasks import unless_recovering

_OTHER = "+33712345678"


@pytest.mark.parametrize("settled", [False, True], ids=["in the journal", "settled"])
async def test_an_old_backup_that_is_put_back(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, settled: bool
):
    """One recording is held since, one erased by number, one withdrawn under a hold; another hold was released."""
    await set_policy(either, missing_evidence="accept", reason="not the subject", withdrawal="erase")
    await set_retention(either, kept(period="P30D"))
    await either.vault.jobs.retention_sweep()
    held, withdrawn, free = [await recorded(either, f"call-{n}", caller=_OTHER) for n in "hwf"]
    gone = await recorded(either, "call-g")
    await call(either, "call-without", caller=PERSON)
    for recording_id in (held, withdrawn, free, gone):
        await either.set(recording_id, call_ended_at=datetime(2020, 1, 1, tzinfo=UTC))
    await either.vault.jobs.apply_policies()
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        hold = (await place(later, calls=["call-h", "call-w"])).hold
        released = await release(later, (await place(later, numbers=[_OTHER])).hold.id)
        await tell(later, "withdrawn", call="call-w")
        view = await ask(later, asks())
        await decide(later, view.request.id)
        assert await carried_out(later, view.request.id) is RequestState.FULFILLED
        if settled:
            await settle_journal(later)
        async with house_over(later, old, threads) as late:
            assert await late.vault.node.recovery.check()
            # The worker's sweep, which is due now, does nothing: everything is due, and this database knows no hold.
            assert await unless_recovering(late.vault, late.vault.jobs.retention_sweep)() is False  # type: ignore[arg-type]
            assert await late.state(held) is State.AVAILABLE
            await late.vault.backup.restore(actor="operator")
            assert not await late.vault.node.recovery.check()
            in_effect = await old.read(lambda tx: tx.holds.in_effect(late.account.id, tx.now()))
            assert {one.id: one for one in in_effect} == {hold.id: hold, released.id: released}
            await _as_it_was(late, held, withdrawn, gone)
            await late.vault.jobs.apply_policies()
            await late.vault.jobs.retention_sweep()
            await late.vault.jobs.retention_sweep()
            await _as_it_was(late, held, withdrawn, gone)
            assert await late.state(free) is State.AVAILABLE  # Its hold is in its grace.
            assert await late.settle(gone) is State.ERASED


async def _as_it_was(late: House, held: str, withdrawn: str, gone: str) -> None:
    """Nothing under the hold can be erased, and nothing of the erased person is found."""
    account_id = late.account.id
    for recording_id in (held, withdrawn):
        assert await late.state(recording_id) is State.AVAILABLE
        with pytest.raises(Held):
            await late.vault.recordings.recordings.erase(account_id, recording_id, **ME)
    assert (await late.row(withdrawn)).restricted
    assert await late.database.read(lambda tx: tx.pending_erasures.get(withdrawn)) is not None
    assert await late.state(gone) in GONE
    assert await late.keys_gone(gone)
    with pytest.raises((NotFound, RecordingErased)):
        await late.heard(gone)
    assert await late.database.read(lambda tx: tx.call_facts.of_call(account_id, "call-g")) == []
    assert await late.database.read(lambda tx: tx.call_facts.of_call(account_id, "call-without")) == []
