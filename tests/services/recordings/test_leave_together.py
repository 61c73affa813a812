"""The recordings of a call that are erased by two nodes at the same moment: its facts go, too."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.service_house import House, another_node
from vault.database.schema.calls import call_facts
from vault.database.stores.recordings.recordings import RecordingRows
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.thread_pools import Threads


async def test_the_facts_of_a_call_go_with_the_last_of_its_recordings(
    either: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two transactions is in the middle while the other one is: neither may leave it to the other."""
    await either.vault.recordings.calls.start(
        either.account.id, CallFacts(call_ref="call-1", caller="+14155550142")
    )
    recordings = [(await either.announce(f"rec-{number}")).recording_id for number in range(2)]
    left = select(func.count()).select_from(call_facts)
    assert await either.database.read(lambda tx: tx.connection.execute(left).scalar()) > 0
    assert [await either.settle(one) for one in recordings] == [State.AVAILABLE] * 2
    for one in recordings:
        await either.vault.recordings.recordings.erase(either.account.id, one, actor="key_test")
    forget, together = RecordingRows.forget_terms, threading.Barrier(2)

    def slow(self: Any, recording_id: str) -> None:
        forget(self, recording_id)
        # Where one waits for the other's lock, nobody comes.
        with suppress(threading.BrokenBarrierError):
            together.wait(0.5)

    monkeypatch.setattr(RecordingRows, "forget_terms", slow)
    other = another_node(either, tmp_path, threads)
    await asyncio.gather(either.vault.jobs.remove_erased(), other.vault.jobs.remove_erased())
    assert [await either.state(one) for one in recordings] == [State.ERASED] * 2
    assert await either.database.read(lambda tx: tx.connection.execute(left).scalar()) == 0
