"""After another database took the place of the one before, nothing is sealed under a key that only that one had."""

from typing import Any

import pytest
from sqlalchemy import delete

from tests.support.service_house import AUDIO, House
from vault.database.schema.account_keys import month_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.core import recordings
from vault.domain.recordings.recording import State
from vault.services.closing_acts.check_recovery import RecoveryCheck


def lose(tx: Any) -> None:
    """Be the database of before the first recording, whose month key it lacks."""
    for table in (recordings, call_facts, month_keys):
        tx.connection.execute(delete(table))


async def another_history(recovery: RecoveryCheck) -> None:
    await recovery.require_complete()


async def a_restore(recovery: RecoveryCheck) -> None:
    recovery.state.reason = "It is old."
    recovery.state.begun.set()
    await recovery.check()


@pytest.mark.parametrize("exchange", [another_history, a_restore])
async def test_what_was_acknowledged_since_can_be_opened(house: House, exchange: Any):
    """A node that went on keeps no key of the database before, so that another node can open what it sealed since."""
    await house.announce("rec-1")
    await house.database.write(lose)
    await exchange(house.vault.node.recovery)
    receipt = await house.announce("rec-2")
    # As a node that has just started.
    house.vault.node.recovery.ring.forget_all()
    assert receipt.recording_id is not None
    assert await house.settle(receipt.recording_id) is State.AVAILABLE
    assert await house.heard(receipt.recording_id) == AUDIO
