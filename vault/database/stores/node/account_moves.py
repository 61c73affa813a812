"""The moves of accounts that this vault knows, and where addresses of accounts that left lead."""

from collections.abc import Iterable, Mapping

from sqlalchemy import RowMapping, delete, func, select, update

from vault.database.schema.moves import account_moves, moved_addresses
from vault.database.sql.dialect import insert_for, insert_new
from vault.database.stores.rows import Rows
from vault.domain.moves.move import Move, Phase

_M = account_moves.c


class AccountMoveRows(Rows):
    """Moves in one transaction."""

    def of(self, account_id: str) -> Move | None:
        """Return the move of an account."""
        return _move(
            self._db.execute(select(account_moves).where(_M.account_id == account_id)).mappings().first()
        )

    def named(self, ref: str) -> Move | None:
        """Return the newest move of an account with this name."""
        query = (
            select(account_moves).where(_M.ref == ref).order_by(_M.begun_at.desc(), _M.account_id).limit(1)
        )
        return _move(self._db.execute(query).mappings().first())

    def is_arriving(self, ref: str, *, but: str = "") -> bool:
        """Return whether an account with this name comes from another vault; ``but``: none with this id."""
        query = select(_M.account_id).where(_M.ref == ref, _M.phase == Phase.ARRIVING, _M.account_id != but)
        return self._db.execute(query.limit(1)).first() is not None

    def at_address(self, address: str) -> Move | None:
        """Return the move of the account that left to which an id or the hash of a token belongs."""
        query = (
            select(account_moves)
            .join(moved_addresses, moved_addresses.c.account_id == _M.account_id)
            .where(moved_addresses.c.address == address)
        )
        return _move(self._db.execute(query).mappings().first())

    def in_phase(self, *phases: Phase) -> list[Move]:
        """Return the moves in these phases."""
        rows = self._db.execute(select(account_moves).where(_M.phase.in_(phases)).order_by(_M.account_id))
        return [one for row in rows.mappings() if (one := _move(row)) is not None]

    def one_of_each_peer(self) -> list[Move]:
        """Return for each vault from which accounts came the move of one of them."""
        one = select(func.min(_M.account_id)).where(_M.phase == Phase.ARRIVED).group_by(_M.peer_url)
        rows = self._db.execute(select(account_moves).where(_M.account_id.in_(one))).mappings()
        return [move for row in rows if (move := _move(row)) is not None]

    def on_the_way(self) -> bool:
        """Return whether an account has left and is not known to have arrived."""
        query = select(_M.account_id).where(_M.phase == Phase.MOVED, _M.statement.is_(None))
        return self._db.execute(query.limit(1)).first() is not None

    def peer_keys(self) -> Mapping[str, bytes]:
        """Return the wrapped keys of other vaults, by the account that came from there."""
        rows = self._db.execute(
            select(_M.account_id, _M.wrapped_peer_key).where(_M.wrapped_peer_key.is_not(None))
        )
        return {row.account_id: row.wrapped_peer_key for row in rows}

    def replace_peer_key(self, account_id: str, *, old: bytes, new: bytes) -> None:
        """Compare-and-swap the wrapped key of another vault, for a change of the root key."""
        same = (_M.account_id == account_id) & (_M.wrapped_peer_key == old)
        self._db.execute(update(account_moves).where(same).values(wrapped_peer_key=new))

    def put(self, move: Move) -> None:
        """Insert a move, or replace what is known of it."""
        values = {name: getattr(move, name) for name in account_moves.columns.keys()}  # noqa: SIM118 - columns, not a mapping
        put = insert_for(self._db, account_moves).values(values)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))

    def forget(self, account_id: str) -> None:
        """Delete a move that was given up."""
        self._db.execute(delete(account_moves).where(_M.account_id == account_id))

    def lead(self, account_id: str, addresses: Iterable[str]) -> None:
        """Note that these addresses belong to an account that leaves."""
        rows = [{"address": address, "account_id": account_id} for address in addresses]
        if rows:
            insert_new(self._db, moved_addresses, *rows)


def _move(row: RowMapping | None) -> Move | None:
    return None if row is None else Move(**{**row, "phase": Phase(row["phase"])})
