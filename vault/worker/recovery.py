"""A worker waits while the database is older than the object store: what it would do may be undone since."""

import asyncio
from contextlib import suppress

from vault.errors import VaultError
from vault.logs import Log
from vault.workflows.vault import Vault

_LOG = Log(__name__)
#: Seconds between two looks.
PAUSE = 1.0


async def wait_for_restore(vault: Vault, stopping: asyncio.Event) -> None:
    """Return once the database is up to date, or ``stopping`` is set."""
    while not stopping.is_set():
        try:
            if not await vault.check_recovery():
                return
        except VaultError as error:
            _LOG.warning("worker.waiting", reason=str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await stopping.wait()
