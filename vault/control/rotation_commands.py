"""An operator's commands that rotate keys: begun, and then done step by step, by the server's worker or without one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vault.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from vault.services.key_rotation.rotate_account_key import RotationProgress
    from vault.services.service import Vault


async def perform_rotation(vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str) -> Any:
    """Begin a rotation, or do one step of it; return how it stands. Raises whatever the verbs raise."""
    if command == "rotate.root":
        return (await vault.rewrap_root_key(actor=actor)).decode()
    account_id = (await vault.find_account(arguments["account"])).id
    if command == "rotate.begin":
        under_way = await vault.read_rotations(account_id)
        if all(one.destroyed_at for one in under_way.rotations):
            return _progress(await vault.rotate_account_key(account_id, actor=actor))
        return _progress(under_way)
    if command == "rotate.step":
        await _step(vault, account_id)
        progress = await vault.read_rotations(account_id)
        shown = _progress(progress)
        if shown["statement"] is not None:
            try:
                # As everything that speaks of the log, it is shown once the log is anchored that far.
                await vault.read_rotations.statement(account_id, progress.rotations[-1].version)
            except Unavailable:
                # Who asks step by step asks again. A command that failed here would begin another rotation.
                shown["statement"] = None
        return shown
    raise NotFound(f"There is no command {command!r}.")


async def _step(vault: "Vault", account_id: str) -> None:
    """Do what the worker does about a rotation, once; where a worker has the turn, nothing."""
    await vault.singleton_job("rewrap", lambda: vault.rewrap(account_id), every=timedelta())
    await vault.singleton_job.if_due("manifests", vault.write_manifests)
    await vault.singleton_job.if_due("account_objects", vault.write_account_objects)


def _progress(progress: "RotationProgress") -> dict[str, Any]:
    last = progress.rotations[-1]
    return {
        "version": progress.current,
        "leaving": last.version,
        "rewrapped": last.rewrapped,
        "remaining": sum(progress.remaining.values()),
        "statement": None if last.statement is None else last.statement.decode(),
    }
