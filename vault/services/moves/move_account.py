"""Move an account to another vault, step by step; what a crash leaves goes on where it stopped.

    copy     the account lives on; its sealed objects are copied
    carry    its rows are copied, until the digests of both ends agree in the transaction that takes them away here
    cut      in that transaction the account leaves, and its addresses lead to the other vault
    arrive   the rows are put in place there, under that vault's root key
    state    both logs sign what left and what arrived

Until the cut the move can be given up, and nothing has changed here. After it the move only goes on: the rows are
complete at the other vault.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from vault.database.interface import Database
from vault.database.stores.moves.rows import Chunk, TableDigest
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.moves.move import GONE, Move, Phase
from vault.domain.playback.own_token import TokenKey
from vault.domain.progress import ProgressCallback, no_progress
from vault.domain.public_urls import PublicUrls
from vault.domain.stored import encryption_context as bound
from vault.errors import NotFound, Refused, Unavailable
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.audit_log.anchor import Anchor
from vault.services.moves.copy_objects import copy_objects, delete_objects
from vault.services.shared.departures import Departures
from vault.services.shared.peer_keys import Peer
from vault.services.shared.people_keys import identity_key
from vault.structured_log import Log
from vault.tlog.move_statement import MoveStatement, write_move_statement
from vault.tlog.note import Signer, sign_note

_LOG = Log(__name__)
#: How long keys and objects stay here after the cut.
WAITING: Final = timedelta(days=7)
#: Attempts to find both ends equal; between two the account changed.
_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveEnd:
    """One of the two vaults, as a move uses it."""

    database: Database
    objects: ObjectStore
    root_key: RootKey
    signer: Signer
    urls: PublicUrls
    anchor: Anchor
    #: What reads the log and has effects on the rows of accounts.
    log_readers: Sequence[Callable[[], Awaitable[object]]]
    #: The label of its region.
    region: str | None = None

    @property
    def as_peer(self) -> Peer:
        """Return this vault with the keys that the other one needs for what was given out here."""
        secret = self.signer.secret
        return Peer(
            url=self.urls.public_url, key=TokenKey.derived_from(secret), identity_key=identity_key(secret)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAccount:
    """Moves accounts from ``here`` to ``there``."""

    here: MoveEnd
    there: MoveEnd
    progress: ProgressCallback = no_progress

    async def __call__(self, ref: str, *, actor: str) -> Move:
        """Move the account with this name, or go on with its move. Raises NotFound, Refused, Unavailable, Tampered."""
        move = await self.begin(ref)
        if move.phase not in GONE:
            await copy_objects(self.here.objects, self.there.objects, move.account_id, self.progress)
            move = await self._carry_and_cut(move, actor)
        if move.statement is None:
            await self._stay_away(move)
            move = await self._arrive(move, actor)
        return move

    async def begin(self, ref: str) -> Move:
        """Note the move at both ends. Raises NotFound, Refused."""
        move = await self.here.database.write(lambda tx: self._noted_here(tx, ref))
        await self.there.database.write(lambda tx: self._noted_there(tx, move))
        return move

    async def give_up(self, ref: str) -> None:
        """End a move before its cut: the account stays, and what was copied is deleted. Raises NotFound, Refused."""
        move = await self.here.database.read(lambda tx: tx.account_moves.named(ref))
        if move is None:
            raise NotFound("This account does not move.")
        if move.phase in GONE:
            raise Refused(
                "The account is at the other vault already: run the command without --abort.",
                reasons=("moved",),
            )
        account_id = move.account_id

        def forget(tx: Transaction) -> None:
            tx.moving_rows.forget_kept(account_id)
            tx.account_moves.forget(account_id)

        await delete_objects(self.there.objects, account_id)
        await self.there.database.write(forget)
        await self.here.database.write(lambda tx: tx.account_moves.forget(account_id))

    def _noted_here(self, tx: Transaction, ref: str) -> Move:
        known = tx.account_moves.named(ref)
        account = tx.accounts.find(ref)
        if known is not None and (known.phase in GONE or known.phase is Phase.COPYING):
            return known
        if known is not None:
            # What that vault gave out leads to this one, and its keys go no further.
            text = "This account came from another vault, and cannot move again."
            raise Refused(text, reasons=("came_from_another",))
        if account is None:
            raise NotFound("There is no such account.")
        move = Move(
            account_id=account.id,
            ref=account.ref,
            phase=Phase.COPYING,
            peer_url=self.there.urls.public_url,
            peer_cell=self.there.urls.cell,
            begun_at=tx.now(),
        )
        tx.account_moves.put(move)
        return move

    def _noted_there(self, tx: Transaction, move: Move) -> None:
        known = tx.account_moves.of(move.account_id)
        if known is not None and known.phase in {Phase.ARRIVING, Phase.ARRIVED}:
            return
        if tx.accounts.find(move.account_id) or tx.accounts.find(move.ref):
            raise Refused("The other vault has an account of this name.", reasons=("name_taken",))
        tx.account_moves.put(
            replace(
                move,
                phase=Phase.ARRIVING,
                peer_url=self.here.urls.public_url,
                peer_cell=self.here.urls.cell,
                begun_at=tx.now(),
            )
        )

    async def _carry_and_cut(self, move: Move, actor: str) -> Move:
        for _ in range(_TRIES):
            for read in self.here.log_readers:
                await read()
            kept = await self._carry(move)
            # Both root keys must answer before the account leaves: after the cut it would be nowhere until they do.
            await self._rewrapped(move.account_id)
            await copy_objects(self.here.objects, self.there.objects, move.account_id, self.progress)
            cut = await self.here.database.write(lambda tx, kept=kept: self._cut(tx, move, kept, actor))  # type: ignore[misc]
            if cut is not None:
                _LOG.info("move.cut", account_id=move.account_id)
                return cut
        raise Unavailable("The account changed faster than it could be carried. Run the command again.")

    async def _carry(self, move: Move) -> Mapping[str, TableDigest]:
        """Copy the rows; return their digests as they are kept at the other vault."""
        loop, account_id = asyncio.get_running_loop(), move.account_id
        there = self.there.database
        await there.write(lambda tx: tx.moving_rows.forget_kept(account_id))

        def take(chunk: Chunk) -> None:
            # In the thread of the reading transaction, which waits: so few rows are in memory.
            keeping = there.write(lambda tx: tx.moving_rows.keep(account_id, chunk))
            asyncio.run_coroutine_threadsafe(_awaited(keeping), loop).result()

        await self.here.database.read(lambda tx: tx.moving_rows.send(account_id, take))
        return await there.read(lambda tx: tx.moving_rows.kept_digests(account_id))

    def _cut(self, tx: Transaction, move: Move, kept: Mapping[str, TableDigest], actor: str) -> Move | None:
        """Take the account away if it is as it is kept at the other vault; None if it has changed."""
        account_id, now = move.account_id, tx.now()
        tx.lock_account(account_id, exclusive=True)
        if not tx.moving_rows.is_log_read(account_id) or not tx.moving_rows.are_as_kept(account_id, kept):
            return None
        tx.account_moves.lead(account_id, tx.moving_rows.addresses(account_id))
        tx.events.append(
            AccessEvent(type="account.moved", at=now, account_id=account_id, actor=actor, subject=account_id)
        )
        tx.moving_rows.remove(account_id)
        cut = replace(move, phase=Phase.MOVED, moved_at=now, destroy_at=now + WAITING)
        tx.account_moves.put(cut)
        return cut

    async def _stay_away(self, move: Move) -> None:
        """See to it that no restore here brings the account back: the store and the anchored log say that it left."""
        here = self.here
        departures = Departures(database=here.database, objects=here.objects, signer=here.signer)
        await departures.put(move)
        await self._head(here)
        await here.anchor.extend()

    async def _arrive(self, move: Move, actor: str) -> Move:
        """Put the account in place at the other vault, and sign what both logs say."""
        account_id = move.account_id
        wrapped_peer_key = await self.there.root_key.wrap(
            self.here.as_peer.wrapped_form(), bound.of_peer_key(account_id)
        )
        wrapped = await self._rewrapped(account_id)
        note = await self._statement(move)

        def arrive(tx: Transaction) -> bytes:
            known = tx.account_moves.of(account_id)
            if known is not None and known.phase is Phase.ARRIVED and known.statement is not None:
                return known.statement
            change = partial(
                _as_here, wrapped=wrapped, region=self.there.region, log_size=tx.tree.head().size
            )
            tx.moving_rows.put_in_place(account_id, change)
            tx.object_store.rewrite_recordings_of(account_id)
            tx.events.append(
                AccessEvent(
                    type="account.arrived", at=tx.now(), account_id=account_id, actor=actor,
                    evidence=hashlib.sha256(note).hexdigest(),
                )
            )  # fmt: skip
            there = replace(
                move, phase=Phase.ARRIVED, peer_url=self.here.urls.public_url, peer_cell=self.here.urls.cell,
                statement=note, wrapped_peer_key=wrapped_peer_key, destroy_at=None,
            )  # fmt: skip
            tx.account_moves.put(there)
            return note

        statement_there = await self.there.database.write(arrive)
        done = replace(move, statement=statement_there)
        await self.here.database.write(lambda tx: tx.account_moves.put(done))
        _LOG.info("move.arrived", account_id=account_id)
        return done

    async def _statement(self, move: Move) -> bytes:
        """Return what both logs sign: where the log here ends, and what the other vault keeps."""
        account_id = move.account_id
        size, root = await self._head(self.here)
        digests = await self.there.database.read(lambda tx: tx.moving_rows.kept_digests(account_id))
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

    async def _rewrapped(self, account_id: str) -> Mapping[int, bytes]:
        """Return the account's keys under the other vault's root key, which unwraps each again."""
        rows = await self.there.database.read(lambda tx: tx.moving_rows.kept_keys(account_id))
        found = {}
        for version, wrapped in rows.items():
            context = bound.of_account_key(account_id, version)
            secret = await self.here.root_key.unwrap(wrapped, context)
            found[version] = await self.there.root_key.wrap(secret, context)
            again = await self.there.root_key.unwrap(found[version], context)
            if not hmac.compare_digest(again, secret):
                raise Unavailable("The other vault's root key does not unwrap what it wrapped.")
        return found

    async def _head(self, end: MoveEnd) -> tuple[int, bytes]:
        """Return size and root of a log in which nothing waits any more."""
        while await end.database.read(lambda tx: tx.tree.waiting()):
            if not await end.database.write(lambda tx: tx.tree.sequence(limit=1000)):
                await asyncio.sleep(0.05)
        head = await end.database.read(lambda tx: tx.tree.head())
        return head.size, head.root


async def _awaited(keeping: Any) -> None:
    await keeping


def _as_here(
    table: str, row: dict[str, Any], *, wrapped: Mapping[int, bytes], region: str | None, log_size: int
) -> dict[str, Any]:
    """Return a row as it is at the vault where the account arrives."""
    if table == "account_keys":
        return row | {"wrapped_key": wrapped[row["version"]]}
    if table == "event_polls":
        return row | {"from_index": log_size}
    return row | {"region": region} if table == "accounts" else row
