"""Time in: asks the verbs, again and again, whether there is work in the state that each looks after.

Every node does all of it. What is claimed row by row is shared by itself: ingest, describe, erase, the
provider's copies, lists and pauses, by leases in the rows. What moves the log on may run anywhere at once:
the sequencer has an advisory lock and a compare-and-swap, two signatures of one head are the same bytes,
publication has a lease of its own. The rest is done by one node at a time, by turns (workflows/turns.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from vault.worker.crew import Crew
from vault.worker.recovery import wait_for_restore
from vault.workflows.vault import Vault

_DESCRIBERS = 2
#: Between two sweeps of the whole fleet.
SWEEP_PAUSE = timedelta(hours=1)
#: Between two looks of the whole fleet for quarantines that have run out.
_EXPIRY_PAUSE = timedelta(seconds=60)
#: Seconds between two looks of a node whether it is its turn.
_TURN_PAUSE = 15.0
#: Seconds between two looks for tombstones: while the switch is off there may be one for every call.
_TOMBSTONE_PAUSE = 1.0
#: Seconds between two looks for sessions that are over.
_SESSIONS_PAUSE = 60.0
#: Seconds between two looks whether the log has grown.
_LOG_PAUSE = 1.0
#: Seconds that work in hand may take to end once the node is to stop; then it is given back.
PATIENCE = 0.5


async def work(vault: Vault, *, workers: int, stopping: asyncio.Event | None = None) -> None:
    """Run until cancelled, or until a moment after ``stopping`` is set.

    What is in hand then and does not end within PATIENCE is given back with its lease, and another node
    takes it at once. A process that dies leaves it until the lease runs out.
    """
    stopping = stopping or asyncio.Event()
    await wait_for_restore(vault, stopping)
    tasks = [
        asyncio.create_task(crew.run(stopping)) for crew in crews(vault, workers) for _ in range(crew.hands)
    ]
    told = asyncio.create_task(stopping.wait())
    try:
        await told
        await asyncio.wait(tasks, timeout=PATIENCE)
    finally:
        for task in (told, *tasks):
            task.cancel()
        await asyncio.gather(told, *tasks, return_exceptions=True)


def crews(vault: Vault, workers: int) -> list[Crew]:
    """Return who does what."""
    return [
        Crew(work="ingest", step=vault.ingest, hands=workers),
        Crew(work="describe", step=vault.describe, hands=_DESCRIBERS),
        Crew(work="manifests", step=lambda: _manifests(vault)),
        Crew(work="account_objects", step=lambda: _account_objects(vault)),
        Crew(work="tombstones", step=lambda: _tombstones(vault), pace=_TOMBSTONE_PAUSE),
        Crew(work="rewrap", step=lambda: _rewrap(vault)),
        Crew(work="remove_erased", step=vault.remove_erased),
        Crew(work="delete_at_source", step=vault.delete_at_source, idle=1.0),
        Crew(work="reconcile", step=vault.reconcile, idle=1.0),
        Crew(work="pause_recordings", step=vault.pause_recordings),
        Crew(work="end_sessions", step=vault.end_sessions, idle=_SESSIONS_PAUSE),
        Crew(work="sequence", step=vault.sequence_events),
        Crew(work="sign", step=vault.sign_checkpoint, pace=_LOG_PAUSE),
        Crew(work="publish", step=vault.publish_log, pace=_LOG_PAUSE),
        _by_turns(vault, "sweep", vault.sweep, every=SWEEP_PAUSE),
        _by_turns(vault, "expire_quarantine", vault.expire_quarantine, every=_EXPIRY_PAUSE),
    ]


async def _manifests(vault: Vault) -> bool:
    """Write manifests if any are due and it is this node's turn, which is offered again at once."""
    due = await vault.write_manifests.any_due()
    return due and await vault.take_turn("manifests", vault.write_manifests, every=timedelta())


async def _account_objects(vault: Vault) -> bool:
    """Write objects of accounts that changed, one node at a time."""
    due = await vault.write_account_objects.any_due()
    return due and await vault.take_turn("account_objects", vault.write_account_objects, every=timedelta())


async def _tombstones(vault: Vault) -> bool:
    """Write tombstones, one node at a time, and many of them at once."""
    due = await vault.write_tombstones.any_due()
    return due and await vault.take_turn("tombstones", vault.write_tombstones, every=timedelta())


async def _rewrap(vault: Vault) -> bool:
    """Empty versions of account keys that are on their way out, if there are any, one node at a time."""
    if not await vault.rewrap.any_due():
        return False
    worked = False

    async def turn() -> None:
        nonlocal worked
        worked = await vault.rewrap()

    return await vault.take_turn("rewrap", turn, every=timedelta()) and worked


def _by_turns(vault: Vault, name: str, verb: Callable[[], Awaitable[object]], *, every: timedelta) -> Crew:
    """Return who does what one node at a time does."""

    async def turn() -> bool:
        return await vault.take_turn(name, verb, every=every)

    return Crew(work=name, step=turn, pace=_TURN_PAUSE)
