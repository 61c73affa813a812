"""Begin a move at both ends, and give it up before its cut.

Each run of the command has a higher number than those before it. What an earlier run still does is refused at both
ends, so two that run at the same time do not take each other's rows.
"""

import hmac
from dataclasses import dataclass, replace

from vault.database.transaction import Transaction
from vault.domain.moves.move import GONE, Move, Phase
from vault.errors import NotFound, Refused
from vault.services.moves.copy_objects import COPIED
from vault.services.moves.delete_objects import delete_objects
from vault.services.moves.move_end import MoveEnd
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginMove:
    """Begins moves from ``here`` to ``there``."""

    here: MoveEnd
    there: MoveEnd

    async def __call__(self, ref: str, *, leave_region: bool = False) -> Move:
        """Note the move at both ends, or that it goes on. Raises NotFound, Refused."""
        if hmac.compare_digest(self.here.signer.secret, self.there.signer.secret):
            raise Refused(
                "The file describes this vault itself. Name another one's settings.", reasons=("same_vault",)
            )
        move = await self.here.database.write(lambda tx: self._note_here(tx, ref, leave_region=leave_region))
        await self.there.database.write(lambda tx: self._note_there(tx, move))
        return move

    async def give_up(self, ref: str) -> None:
        """End a move before its cut: the account stays, and what was copied is deleted. Raises NotFound, Refused."""
        move = await self.here.database.write(lambda tx: self._stop_here(tx, ref))
        account_id = move.account_id

        def forget_there(tx: Transaction) -> None:
            known = tx.account_moves.of(account_id)
            if known is not None and known.phase is Phase.ARRIVING:
                tx.moving_rows.forget_kept(account_id)
                tx.account_moves.forget(account_id)

        def forget_here(tx: Transaction) -> None:
            require_run(tx, move, Phase.COPYING)
            tx.account_moves.forget(account_id)

        if await self.there.database.write(lambda tx: _stop_there(tx, move)):
            now = await self.there.database.read(lambda tx: tx.now())
            if locked := await delete_objects(self.there.objects, COPIED, account_id, now=now):
                _LOG.warning("move.copies_locked", account_id=account_id, count=locked)
        await self.there.database.write(forget_there)
        await self.here.database.write(forget_here)

    def _stop_here(self, tx: Transaction, ref: str) -> Move:
        move = _known(tx, ref)
        if move is None or move.phase not in {Phase.COPYING, *GONE}:
            raise NotFound("This account does not move.")
        if move.phase in GONE:
            raise Refused(
                "The account is at the other vault already: run the command without --abort.",
                reasons=("moved",),
            )
        self._require_target(move)
        stopped = replace(move, run=move.run + 1)
        tx.account_moves.put(stopped)
        return stopped

    def _note_here(self, tx: Transaction, ref: str, *, leave_region: bool) -> Move:
        known = _known(tx, ref)
        if known is not None and known.phase not in {Phase.COPYING, *GONE}:
            # What that vault gave out leads to this one, and its keys go no further.
            text = "This account came from another vault, and cannot move again."
            raise Refused(text, reasons=("came_from_another",))
        if known is not None:
            self._require_target(known)
        if known is not None and known.phase in GONE:
            return known
        move = self._new(tx, ref, leave_region=leave_region)
        if known is not None:
            move = replace(known, run=known.run + 1)
        tx.account_moves.put(move)
        return move

    def _new(self, tx: Transaction, ref: str, *, leave_region: bool) -> Move:
        account = tx.accounts.find(ref)
        if account is None:
            raise NotFound("There is no such account.")
        if not leave_region and account.region not in {None, self.there.region}:
            raise Refused(
                f"The account must stay in the region {account.region}, and the other vault is in "
                f"{self.there.region or 'none'}. If it may leave it, repeat with --leave-region.",
                reasons=("region",),
            )
        return Move(
            account_id=account.id,
            ref=account.ref,
            phase=Phase.COPYING,
            peer_url=self.there.urls.public_url,
            peer_cell=self.there.urls.cell,
            begun_at=tx.now(),
            run=1,
        )

    def _require_target(self, move: Move) -> None:
        if move.peer_url != self.there.urls.public_url:
            raise Refused(
                f"The account moves to {move.peer_url}, or is there already: name that vault's settings.",
                reasons=("other_target",),
            )

    def _note_there(self, tx: Transaction, move: Move) -> None:
        known = tx.account_moves.of(move.account_id)
        if move.phase in GONE and (known is not None or move.statement is not None):
            return
        if known is not None and (known.phase is not Phase.ARRIVING or known.run > move.run):
            raise _taken_over()
        if known is None and (tx.accounts.find(move.account_id) or tx.accounts.find(move.ref)):
            raise Refused("The other vault has an account of this name.", reasons=("name_taken",))
        if tx.account_moves.is_arriving(move.ref, but=move.account_id):
            raise Refused("Another account of this name moves to the other vault.", reasons=("name_taken",))
        tx.account_moves.put(
            replace(
                move,
                phase=Phase.ARRIVING,
                peer_url=self.here.urls.public_url,
                peer_cell=self.here.urls.cell,
                begun_at=tx.now(),
            )
        )


def _taken_over() -> Refused:
    text = "Another run of this command has begun, or has given the move up: this one ends."
    return Refused(text, reasons=("taken_over",))


def require_run(tx: Transaction, move: Move, phase: Phase) -> None:
    """Raise Refused unless the move is in this phase, and in this run."""
    known = tx.account_moves.of(move.account_id)
    if known is None or known.phase is not phase or known.run != move.run:
        raise _taken_over()


def _stop_there(tx: Transaction, move: Move) -> bool:
    """Refuse what earlier runs still do; return whether the account was to come."""
    known = tx.account_moves.of(move.account_id)
    if known is None or known.phase is not Phase.ARRIVING:
        return False
    tx.account_moves.put(replace(known, run=max(known.run, move.run)))
    return True


def _known(tx: Transaction, ref: str) -> Move | None:
    account = tx.accounts.find(ref)
    if account is not None:
        return tx.account_moves.of(account.id)
    return tx.account_moves.named(ref) or tx.account_moves.of(ref)
