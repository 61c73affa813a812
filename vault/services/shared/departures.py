"""Accounts that left this vault stay away, whatever database comes back."""

from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.moves.move import GONE, Move
from vault.domain.stored.departure import PREFIX, location_of, read_departure, write_departure
from vault.ports.objects import ObjectStore
from vault.tlog.note import Signer, open_note, sign_note

_MOST_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """The objects of accounts that left."""

    database: Database
    objects: ObjectStore
    signer: Signer

    async def put(self, move: Move) -> None:
        """Store that an account left. Raises Unavailable."""
        note = sign_note(write_departure(move), [self.signer])
        await self.objects.put(location_of(move.account_id), note)

    async def moves(self) -> list[Move]:
        """Return the moves of accounts that left. Raises Unavailable, Tampered."""
        return [await self._read(key) for key in [stored.key async for stored in self.objects.list(PREFIX)]]

    async def take_out(self, move: Move) -> None:
        """Remove what a restore brought back of an account that left."""
        await self.database.write(lambda tx: _take_out(tx, move))

    async def _read(self, key: str) -> Move:
        data = await self.objects.read(key, 0, min(await self.objects.size(key), _MOST_BYTES))
        return read_departure(open_note(data, [self.signer.verifier]).text, key)


def _take_out(tx: Transaction, move: Move) -> None:
    known = tx.account_moves.of(move.account_id)
    tx.lock_account(move.account_id, exclusive=True)
    tx.account_moves.lead(move.account_id, tx.moving_rows.addresses(move.account_id))
    tx.moving_rows.remove(move.account_id)
    if known is None or known.phase not in GONE:
        tx.account_moves.put(move)
