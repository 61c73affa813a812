"""Recovery mode in the worker: it does nothing while its database is behind the object store.

A row in such a database may be out of date.
"""

from contextlib import suppress

from vault.errors import Unavailable, VaultError
from vault.services.service import Vault
from vault.services.shared.job import Step


def unless_recovering(vault: Vault, step: Step) -> Step:
    """Wrap the step so that it finds no work in recovery mode."""

    async def guarded() -> bool:
        return False if vault.recovery.on else await step()

    return guarded


def looking(vault: Vault, step: Step) -> Step:
    """Wrap the anchor step: if it fails, check whether the object store has a different history."""

    async def checked() -> bool:
        try:
            return await step()
        except Unavailable:
            with suppress(VaultError):
                await vault.recovery.check(checks=1)  # One check: the step itself has already retried.
            raise

    return checked
