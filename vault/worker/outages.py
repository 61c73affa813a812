"""Work pauses while the object store is down: no attempt is used up, and nothing is fetched that cannot be stored."""

import asyncio

from vault.jitter import RANDOM
from vault.services.service import Vault
from vault.services.shared.job import Step

#: Seconds, and up to as many again, after which a task that pauses asks whether the store is up.
RETRY_SECONDS = 2.0


def unless_store_is_down(vault: Vault, step: Step) -> Step:
    """Wrap the step so that its task waits, and then polls again, while the object store does not answer."""

    async def guarded() -> bool:
        if await vault.outages.is_up("objects"):
            return await step()
        await asyncio.sleep(RETRY_SECONDS * (1 + RANDOM.random()))
        return True

    return guarded
