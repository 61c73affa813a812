"""A worker does nothing while its database lacks what the object store has: it may have been undone since."""

from contextlib import suppress

from vault.errors import Unavailable, VaultError
from vault.services.service import Vault
from vault.worker.polling_task import Step


def unless_recovering(vault: Vault, step: Step) -> Step:
    """Return the step, which finds nothing to do in recovery mode."""

    async def look() -> bool:
        return False if vault.check_recovery.on else await step()

    return look


def looking(vault: Vault, step: Step) -> Step:
    """Return the step that moves the anchor on; where it fails, another history may lie in the object store."""

    async def look() -> bool:
        try:
            return await step()
        except Unavailable:
            with suppress(VaultError):
                await vault.check_recovery(looks=1)  # The step has tried again and again by then.
            raise

    return look
