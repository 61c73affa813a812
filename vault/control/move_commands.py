"""An operator's commands that move an account to another vault."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vault.domain.progress import ProgressCallback
from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_move(
    vault: "Vault", command: str, arguments: Mapping[str, Any], progress: ProgressCallback, *, actor: str
) -> Any:
    """Move an account, or give its move up. Raises the errors of the service."""
    moves, account, settings = vault.moves, arguments["account"], arguments["settings"]
    if command == "move.give-up":
        return await moves.give_up(account, settings)
    if command != "move.account":
        raise NotFound(f"There is no command {command!r}.")
    move = await moves.move(
        account, settings, leave_region=arguments["leave_region"], actor=actor, progress=progress
    )
    return {"address": move.peer_url, "statement": (move.statement or b"").decode()}
