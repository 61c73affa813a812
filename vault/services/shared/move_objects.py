"""Moves of accounts outlive the database: who left stays away, and where those who came were before is known."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.moves.move import GONE, Move, Phase
from vault.domain.stored.move_object import CAME, LEFT, account_of, location_of, read_move, write_move
from vault.errors import NotFound, Tampered
from vault.ports.objects import ObjectStore
from vault.tlog.note import Signer, open_note, sign_note

_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMoves:
    """What the object store says of moves."""

    #: By the account: its move; None for one whose object cannot be used.
    left: dict[str, Move | None]
    came: dict[str, Move | None]
    #: What cannot be used, a sentence each.
    findings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveObjects:
    """The objects of accounts that left this vault, or came to it."""

    database: Database
    objects: ObjectStore
    signer: Signer

    async def put(self, move: Move) -> None:
        """Store that an account left, or that it came. Raises Unavailable."""
        # Replaced, because an older version has a key under an earlier root key.
        await self.objects.replace(location_of(move), sign_note(write_move(move), [self.signer]))

    async def rewrite(self) -> None:
        """Store all moves again in a store that went back: keys that were destroyed in it may be there again."""

        def again(tx: Transaction) -> list[Move]:
            for move in tx.account_moves.in_phase(Phase.DESTROYED):
                tx.account_moves.put(replace(move, phase=Phase.MOVED))
            return tx.account_moves.in_phase(Phase.MOVED, Phase.ARRIVED)

        for move in await self.database.write(again):
            await self.put(move)

    async def stored(self) -> StoredMoves:
        """Return all moves; one that was damaged is named, and nothing is guessed. Raises Unavailable."""
        stored = StoredMoves(left={}, came={}, findings=[])
        for prefix, moves in ((LEFT, stored.left), (CAME, stored.came)):
            for key in [one.key async for one in self.objects.list(prefix)]:
                try:
                    moves[account_of(key)] = await self._read(key)
                except (NotFound, Tampered) as error:
                    moves[account_of(key)] = None
                    stored.findings.append(f"{key}: {error} {_ADVICE[prefix]}")
        return stored

    async def are_lacking(self, stored: StoredMoves) -> bool:
        """Return whether the database lacks one of the moves."""
        return await self.database.read(lambda tx: _lacks(tx, [*stored.left.values(), *stored.came.values()]))

    async def bring_in(self, stored: StoredMoves) -> None:
        """Take out what a restore brought back of accounts that left, and note where those that are here came from."""
        for account_id, move in stored.left.items():
            await self.database.write(lambda tx, a=account_id, move=move: _take_out(tx, a, move))  # type: ignore[misc]
        for move in filter(None, stored.came.values()):
            await self.database.write(lambda tx, move=move: _note_arrival(tx, move))  # type: ignore[misc]

    async def _read(self, key: str) -> Move:
        size = await self.objects.size(key)
        if size > _MOST_BYTES:
            raise Tampered("It is too large.")
        data = await self.objects.read(key, 0, size)
        return read_move(open_note(data, [self.signer.verifier]).text, key)


_ADVICE: Final = {
    LEFT: "The account counts as one that left: it is not restored, and its old addresses lead nowhere. "
    "Put a copy of this object back, and restore again.",
    CAME: "What the vault that the account came from gave out is not valid here. "
    "Run `callvault move-account` there again.",
}


def _lacks(tx: Transaction, moves: Iterable[Move | None]) -> bool:
    for move in filter(None, moves):
        known = tx.account_moves.of(move.account_id)
        is_noted = known is not None and known.phase in {*GONE, Phase.ARRIVED}
        if not is_noted and (move.phase in GONE or tx.accounts.find(move.account_id) is not None):
            return True
    return False


def _take_out(tx: Transaction, account_id: str, move: Move | None) -> None:
    known = tx.account_moves.of(account_id)
    tx.lock_account(account_id, exclusive=True)
    if move is not None or known is not None:
        tx.account_moves.lead(account_id, tx.moving_rows.addresses(account_id))
    tx.moving_rows.remove(account_id)
    if move is not None and (known is None or known.phase not in GONE):
        tx.account_moves.put(move)


def _note_arrival(tx: Transaction, move: Move) -> None:
    known = tx.account_moves.of(move.account_id)
    if tx.accounts.find(move.account_id) is None or (known is not None and known.phase is Phase.ARRIVED):
        # It never arrived, or the database knows it.
        return
    tx.moving_rows.forget_kept(move.account_id)
    tx.account_moves.put(move)
