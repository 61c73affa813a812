"""An operator's commands that move an account to another vault."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vault.domain.progress import ProgressCallback
from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.services.service import Vault


async def perform_move(
    vault: "Vault", command: str, arguments: Mapping[str, Any], progress: ProgressCallback, *, actor: str
) -> Any:
    """Move an account, give its move up, or return the receipt of its end here. Raises the errors of the service."""
    moves, account = vault.moves, arguments["account"]
    if command == "move.receipt":
        return (await moves.receipt(account)).decode()
    settings = arguments["settings"]
    if command == "move.give-up":
        return await moves.give_up(account, settings)
    if command != "move.account":
        raise NotFound(f"There is no command {command!r}.")
    move = await moves.move(
        account, settings, leave_region=arguments["leave_region"], keep=timedelta(days=arguments["keep_days"]),
        actor=actor, progress=progress,
    )  # fmt: skip
    return {
        "address": move.peer_url,
        "statement": (move.statement or b"").decode(),
        "destroyed": "" if move.destroy_at is None else f"{move.destroy_at:%Y-%m-%d %H:%M} UTC",
    }
