"""An operator's retention commands."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_retention(
    vault: "Vault",
    command: str,
    _arguments: Mapping[str, Any],
    *,
    actor: str,
) -> Any:
    """Run a command. Raises the errors of the services.

    A sweep beside that of a worker is safe: each recording is judged under its locks.
    """
    sweep = vault.jobs.retention_sweep
    if command == "retention.resume":
        await sweep.clock.resume(actor=actor)
        return None
    if command not in {"retention.preview", "retention.run"}:
        raise NotFound(f"There is no command {command!r}.")
    await vault.jobs.apply_policies()
    return await sweep.preview() if command == "retention.preview" else (await sweep()).totals
