"""Move accounts of this vault to another one, as an operator asks for it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from vault.domain.moves.move import Move
from vault.domain.progress import ProgressCallback
from vault.services.moves.begin_move import BeginMove
from vault.services.moves.move_account import MoveAccount
from vault.services.moves.move_end import MoveEnd

#: Opens the vault that these settings describe, by their names.
OpenOther = Callable[[Mapping[str, str]], AbstractAsyncContextManager[MoveEnd]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMoves:
    """Move accounts, or give a move up."""

    here: MoveEnd
    open_other: OpenOther

    async def move(
        self,
        account: str,
        settings: Mapping[str, str],
        *,
        leave_region: bool,
        actor: str,
        progress: ProgressCallback,
    ) -> Move:
        """Move an account to the vault with these settings, or go on with its move.

        Raises NotFound, Refused, Invalid, Unavailable, Tampered, and StartRefused for a vault that cannot be opened.
        """
        async with self.open_other(settings) as there:
            run = MoveAccount(here=self.here, there=there, progress=progress)
            return await run(account, actor=actor, leave_region=leave_region)

    async def give_up(self, account: str, settings: Mapping[str, str]) -> None:
        """End a move before its cut, and delete what was copied. Raises as ``move``."""
        async with self.open_other(settings) as there:
            await BeginMove(here=self.here, there=there).give_up(account)
