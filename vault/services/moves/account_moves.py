"""Move accounts of this vault to another one, as an operator asks for it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from vault.domain.moves.move import GONE, KEEP, Move, Phase
from vault.domain.progress import ProgressCallback
from vault.domain.stored.move_object import RECEIPTS
from vault.errors import NotFound
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
        keep: timedelta = KEEP,
        actor: str,
        progress: ProgressCallback,
    ) -> Move:
        """Move an account to the vault with these settings, or go on with its move; ``keep``: see MoveAccount.

        Raises NotFound, Refused, Invalid, Unavailable, Tampered, and StartRefused for a vault that cannot be opened.
        """
        async with self.open_other(settings) as there:
            run = MoveAccount(here=self.here, there=there, progress=progress)
            return await run(account, actor=actor, leave_region=leave_region, keep=keep)

    async def give_up(self, account: str, settings: Mapping[str, str]) -> None:
        """End a move before its cut, and delete what was copied. Raises as ``move``."""
        async with self.open_other(settings) as there:
            await BeginMove(here=self.here, there=there).give_up(account)

    async def receipt(self, account: str) -> bytes:
        """Return the signed receipt that nothing is left here of an account that moved. Raises NotFound."""
        move = await self.here.database.read(
            lambda tx: tx.account_moves.named(account) or tx.account_moves.of(account)
        )
        if move is None or move.phase not in GONE:
            raise NotFound("This account has not moved to another vault.")
        if move.phase is not Phase.DESTROYED:
            when = "after the end of callvault move-account: run it again"
            if move.destroy_at is not None:
                when = f"after {move.destroy_at:%Y-%m-%d %H:%M} UTC"
            raise NotFound(f"The keys and objects of the account are still here. They are destroyed {when}.")
        return await self.here.objects.get(f"{RECEIPTS}{move.account_id}")
