"""Move an account to another vault, step by step; what a crash leaves goes on where it stopped.

    copy     the account lives on; its sealed objects are copied
    carry    its rows are copied, until the digests of both ends agree in the transaction that takes them away here
    cut      in that transaction the account leaves, and its addresses lead to the other vault
    arrive   the rows are put in place there, under that vault's root key
    state    both logs sign what left and what arrived

Until the cut the move can be given up, and nothing has changed here. After it the move only goes on: the rows are
complete at the other vault.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.moves.move import GONE, KEEP, Move, Phase
from vault.domain.progress import ProgressCallback, no_progress
from vault.domain.stored import encryption_context as bound
from vault.errors import Tampered
from vault.services.moves.begin_move import BeginMove
from vault.services.moves.carry_account import CarryAccount, digest_of
from vault.services.moves.copy_objects import copy_objects
from vault.services.moves.move_end import MoveEnd
from vault.structured_log import Log
from vault.tlog.move_statement import MoveStatement, write_move_statement
from vault.tlog.note import sign_note

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAccount:
    """Moves accounts from ``here`` to ``there``."""

    here: MoveEnd
    there: MoveEnd
    progress: ProgressCallback = no_progress

    @property
    def begin(self) -> BeginMove:
        """Return what begins a move, and gives it up."""
        return BeginMove(here=self.here, there=self.there)

    @property
    def carry(self) -> CarryAccount:
        """Return what carries the rows."""
        return CarryAccount(here=self.here, there=self.there, progress=self.progress)

    async def __call__(
        self, ref: str, *, actor: str, leave_region: bool = False, keep: timedelta = KEEP
    ) -> Move:
        """Move the account with this name, or go on with its move; what is left here stays for ``keep`` after it.

        Raises NotFound, Refused, Unavailable, Tampered.
        """
        move = await self.begin(ref, leave_region=leave_region)
        if move.phase not in GONE:
            await self._copy(move)
            move = await self.carry(move, actor=actor)
        if move.statement is None:
            await self.progress("putting it in place", 0, 0)
            await self._stay_away(move)
            # What became complete between the last copy and the cut: objects never change.
            await self._copy(move)
            move = await self._arrive(move, actor)
        return await self._store(move, keep)

    async def _copy(self, move: Move) -> None:
        await copy_objects(self.here.objects, self.there.objects, move.account_id, self.progress)

    async def _stay_away(self, move: Move) -> None:
        """See to it that no restore here brings the account back: the store and the anchored log say that it left."""
        await self.here.move_objects.put(move)
        await self.here.head()
        await self.here.log.anchor.extend()

    async def _arrive(self, move: Move, actor: str) -> Move:
        """Put the account in place at the other vault, and sign what both logs say."""
        account_id = move.account_id
        came = await self.there.database.read(lambda tx: tx.account_moves.of(account_id))
        if came is None or came.phase is not Phase.ARRIVED or came.statement is None:
            came = await self._as_arrived(replace(move, statement=await self._statement(move)))
            # Before it is there: a restore there must know where what was given out before comes from.
            await self.there.move_objects.put(came)
            came = await self._put_in_place(came, move.rows_digest or "", actor)
        done = replace(move, statement=came.statement)
        await self.here.database.write(lambda tx: tx.account_moves.put(done))
        _LOG.info("move.arrived", account_id=account_id)
        return done

    async def _as_arrived(self, move: Move) -> Move:
        """Return the move as the other vault knows it once the account is there."""
        wrapped = await self.there.root_key.wrap(
            self.here.as_peer.wrapped_form(), bound.of_peer_key(move.account_id)
        )
        return replace(
            move, phase=Phase.ARRIVED, peer_url=self.here.urls.public_url, peer_cell=self.here.urls.cell,
            wrapped_peer_key=wrapped, destroy_at=None,
        )  # fmt: skip

    async def _put_in_place(self, came: Move, digest: str, actor: str) -> Move:
        """Put the rows in place; return the move as the other vault knows it. Raises Tampered."""
        account_id, statement = came.account_id, came.statement or b""
        wrapped = await self.carry.rewrapped(account_id)

        def arrive(tx: Transaction) -> Move:
            known = tx.account_moves.of(account_id)
            if known is not None and known.phase is Phase.ARRIVED and known.statement is not None:
                return known
            if not hmac.compare_digest(digest_of(tx.moving_rows.kept_digests(account_id)), digest):
                raise Tampered(
                    "The other vault does not keep the rows that left here. Restore its database first."
                )
            change = partial(
                _as_here, wrapped=wrapped, region=self.there.region, log_size=tx.tree.head().size
            )
            tx.moving_rows.put_in_place(account_id, change)
            tx.object_store.rewrite_recordings_of(account_id)
            tx.events.append(
                AccessEvent(
                    type="account.arrived", at=tx.now(), account_id=account_id, actor=actor,
                    evidence=hashlib.sha256(statement).hexdigest(),
                )
            )  # fmt: skip
            tx.account_moves.put(came)
            return came

        return await self.there.database.long(arrive, writes=True)

    async def _store(self, move: Move, keep: timedelta) -> Move:
        """See to it that restores at both vaults know where the account is, and that one there brings it back.

        Only then is it safe that what is left here is destroyed, and it is noted when.
        """
        await self.progress("writing what a restore needs", 0, 0)
        account_id = move.account_id
        came, is_there = await self.there.database.read(
            lambda tx: (tx.account_moves.of(account_id), tx.accounts.find(account_id) is not None)
        )
        if came is None and is_there:
            # A restore there had lost it.
            came = await self._as_arrived(move)
            await self.there.database.write(lambda tx: tx.account_moves.put(came))
        if came is not None:
            await self.there.move_objects.put(came)
        await self.there.store(account_id)

        def note(tx: Transaction) -> Move:
            known = tx.account_moves.of(account_id) or move
            if known.destroy_at is None:
                known = replace(known, destroy_at=tx.now() + keep)
                tx.account_moves.put(known)
            return known

        noted = await self.here.database.write(note)
        # With the statement: what a restore here knows of the account leads to it.
        await self.here.move_objects.put(noted)
        return noted

    async def _statement(self, move: Move) -> bytes:
        """Return what both logs sign: where the log here ends, and what the other vault keeps."""
        account_id = move.account_id
        size, root = await self.here.head()
        digests = await self.there.database.long(
            lambda tx: tx.moving_rows.kept_digests(account_id), writes=False
        )
        statement = MoveStatement(
            account_id=account_id,
            origin=self.here.signer.name,
            size=size,
            root=root,
            destination=self.there.signer.name,
            moved_at=move.moved_at or move.begun_at,
            tables={name: (one.rows, one.digest) for name, one in digests.items()},
        )
        return sign_note(write_move_statement(statement), [self.here.signer, self.there.signer])


def _as_here(
    table: str, row: dict[str, Any], *, wrapped: Mapping[int, bytes], region: str | None, log_size: int
) -> dict[str, Any]:
    """Return a row as it is at the vault where the account arrives."""
    if table == "account_keys":
        return row | {"wrapped_key": wrapped[row["version"]]}
    if table == "event_polls":
        return row | {"from_index": log_size}
    return row | {"region": region} if table == "accounts" else row
