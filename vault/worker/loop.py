"""Time in: asks the verbs, again and again, whether there is work in the state that each looks after."""

import asyncio
from collections.abc import Awaitable, Callable

from vault.chance import CHANCE
from vault.errors import LeaseLost, Unavailable, VaultError
from vault.logs import Log
from vault.workflows.vault import Vault

_LOG = Log(__name__)
#: Seconds between two looks when there was nothing to do.
_IDLE = 0.2
#: Seconds to wait after a part did not answer.
_TROUBLE = 2.0
_DESCRIBERS = 2
#: Seconds between two sweeps.
SWEEP_PAUSE = 3600.0
#: Seconds between two looks whether the log has grown.
_LOG_PAUSE = 1.0
#: Seconds between two looks for quarantines that have run out.
_EXPIRY_PAUSE = 60.0

Step = Callable[[], Awaitable[bool]]


async def work(vault: Vault, *, workers: int) -> None:
    """Run until cancelled. What was claimed and not finished is given up with its lease."""
    steps: list[Step] = [vault.ingest] * workers + [vault.describe] * _DESCRIBERS
    steps += [vault.write_manifests, vault.remove_erased]
    steps += [vault.delete_at_source, vault.reconcile, vault.pause_recordings]
    steps += [vault.sequence_events, _paced(vault.sign_checkpoint), _paced(vault.publish_log)]
    tasks = [asyncio.create_task(_repeat(step)) for step in steps]
    tasks.append(asyncio.create_task(_repeat(lambda: _sweep(vault))))
    tasks.append(asyncio.create_task(_repeat(lambda: _expire(vault))))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(step: Step) -> None:
    """Call a step for ever; nothing that one piece of work does may end the loop."""
    while True:
        pause = 0.0
        try:
            if not await step():
                pause = _IDLE * (0.75 + CHANCE.random() / 2)
        except LeaseLost:
            continue
        except Unavailable as error:
            _LOG.warning("worker.waiting", reason=str(error))
            pause = _TROUBLE
        except VaultError as error:
            _LOG.error("worker.failed", error=type(error).__name__, trace=True)
            pause = _TROUBLE
        except Exception as error:  # noqa: BLE001 - the next piece of work may be a good one
            _LOG.error("worker.failed", error=type(error).__name__, trace=True)
            pause = _TROUBLE
        if pause:
            await asyncio.sleep(pause)


async def _expire(vault: Vault) -> bool:
    """End quarantines, and wait until it is time for the next look."""
    await vault.expire_quarantine()
    await asyncio.sleep(_EXPIRY_PAUSE)
    return True


def _paced(step: Step) -> Step:
    """Return a step that waits for its next turn by itself."""

    async def paced() -> bool:
        done = await step()
        await asyncio.sleep(_LOG_PAUSE)
        return done

    return paced


async def _sweep(vault: Vault) -> bool:
    """Sweep, and wait until it is time for the next."""
    await vault.sweep()
    await asyncio.sleep(SWEEP_PAUSE)
    return True
