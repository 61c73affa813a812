"""Acts on the recordings of some states, on SQLite: they read these rows by their index, not the archive."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.services.recordings.test_list_plans import plan_of
from tests.support.service_house import House
from vault.database.stores.backup.restore_recordings import RestoredRecordings
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.domain.reason import Reason

_REASON = Reason(code="switched_off", text="The account's switch is off.")
_ACTS: dict[str, Callable[[Any, str], object]] = {
    "recordings whose host is back": lambda tx, account: tx.queue.wake(account, "conn_x", "host_down"),
    "quarantines that ended": lambda tx, _: tx.queue.quarantines_over(tx.now()),
    "uploads without a client": lambda tx, _: tx.queue.any_idle_upload(),
    "what came before the switch": lambda tx, _: RecordingStates(tx.connection).refuse_stale(_REASON),
    "the queue": lambda tx, _: tx.queue.counts(),
    "rows whose key is gone": lambda tx, account: RestoredRecordings(tx.connection).fail_without_key(account),
    "erased of a closure": lambda tx, account: tx.closures.erased(account),
}
#: Acts that have an index of their own.
_OWN = {"erased of a closure": "COVERING INDEX ix_recordings_erased (account_id=? AND state=?)"}


@pytest.mark.parametrize("act", _ACTS)
async def test_an_act_on_states_reads_their_index(house: House, act: str):
    """A partial index, which SQLite takes only where the query repeats its condition."""
    plan = await plan_of(house, lambda tx: _ACTS[act](tx, house.account.id))
    index = _OWN.get(act)
    if index is not None:
        assert index in plan
    else:
        assert (
            "INDEX ix_recordings_not_available (state=?" in plan or "INDEX ix_recordings_due (state=?" in plan
        )
    assert "SCAN recordings" not in plan
