"""An operator's key rotation commands: begin a rotation, then advance it in steps, with or without a worker."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vault.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from vault.services.key_rotation.rotate_account_key import RotationProgress
    from vault.services.service import Vault


async def perform_rotation(vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str) -> Any:
    """Begin a rotation or advance it by one step; return its progress. Raises the errors of the services."""
    if command == "rotate.root":
        return (await vault.key_rotation.rewrap_root_key(actor=actor)).decode()
    account_id = (await vault.accounts.accounts.find(arguments["account"])).id
    if command == "rotate.begin":
        progress = await vault.key_rotation.rotations.status(account_id)
        if all(rotation.destroyed_at for rotation in progress.rotations):
            return _progress(await vault.key_rotation.rotations.begin(account_id, actor=actor))
        return _progress(progress)
    if command == "rotate.step":
        await _step(vault, account_id)
        progress = await vault.key_rotation.rotations.status(account_id)
        result = _progress(progress)
        if result["statement"] is not None:
            try:
                # Like everything about the log, the statement is shown only once the log is anchored that far.
                await vault.key_rotation.rotations.statement(account_id, progress.rotations[-1].version)
            except Unavailable:
                # The caller repeats the step. If the command failed here, running it again would begin a new rotation.
                result["statement"] = None
        return result
    raise NotFound(f"There is no command {command!r}.")


async def _step(vault: "Vault", account_id: str) -> None:
    """Run the worker's rotation jobs once; a job whose lease a worker holds is skipped."""
    await vault.singleton_jobs.run("rewrap", lambda: vault.jobs.rewrap(account_id), every=timedelta())
    for job in (*vault.jobs.write_manifests.jobs(), *vault.jobs.write_account_objects.jobs()):
        await vault.singleton_jobs.run_if_due(job)


def _progress(progress: "RotationProgress") -> dict[str, Any]:
    last = progress.rotations[-1]
    return {
        "version": progress.current,
        "leaving": last.version,
        "rewrapped": last.rewrapped,
        "remaining": sum(progress.remaining.values()),
        "statement": None if last.statement is None else last.statement.decode(),
    }
