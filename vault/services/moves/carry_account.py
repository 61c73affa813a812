"""Carry the rows of an account to the other vault, and take them away here.

They are copied until both ends agree in the transaction that takes them away. If the account changes faster than
that, that transaction copies them itself, while everybody else waits for it.
"""

import asyncio
import hmac
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from vault.database.stores.moves.rows import Chunk, TableDigest
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.moves.move import Move, Phase
from vault.domain.progress import ProgressCallback
from vault.domain.stored import encryption_context as bound
from vault.errors import Unavailable
from vault.services.events.publish_events import publish
from vault.services.handover.follow_log import follow
from vault.services.moves.begin_move import require_run
from vault.services.moves.copy_objects import copy_objects
from vault.services.moves.move_end import MoveEnd
from vault.structured_log import Log
from vault.tlog.move_statement import rows_digest

_LOG = Log(__name__)
#: Attempts to find both ends equal; between two the account changed.
_TRIES: Final = 10
#: From which attempt on the transaction of the cut copies what has changed.
_COPIES_FROM: Final = 3
_BATCH: Final = 1000
T = TypeVar("T")
#: Copies all rows in a transaction here, and returns their digests as they are kept at the other vault.
Carry = Callable[[Transaction], Mapping[str, TableDigest]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryAccount:
    """Carries accounts from ``here`` to ``there``."""

    here: MoveEnd
    there: MoveEnd
    progress: ProgressCallback

    async def __call__(self, move: Move, *, actor: str) -> Move:
        """Return the move after the cut. Raises Unavailable, Refused, Tampered."""
        for attempt in range(1, _TRIES + 1):
            await self.here.read_log()
            carry = self._carry(move)
            kept = await self.here.database.long(carry, writes=False)
            # Both root keys must answer before the account leaves: after the cut it would be nowhere until they do.
            await self.rewrapped(move.account_id)
            await copy_objects(self.here.objects, self.there.objects, move.account_id, self.progress)
            await self.progress("comparing both", 0, 0)
            cut = await self.here.database.long(
                lambda tx, kept=kept, carry=carry if attempt >= _COPIES_FROM else None: self._cut(  # type: ignore[misc]
                    tx, move, kept, actor, carry
                ),
                writes=True,
            )
            if cut is not None:
                _LOG.info("move.cut", account_id=move.account_id)
                return cut
        raise Unavailable("The account changed faster than it could be carried. Run the command again.")

    async def rewrapped(self, account_id: str) -> Mapping[int, bytes]:
        """Return the account's keys under the other vault's root key, which unwraps each again.

        Raises Unavailable, Tampered.
        """
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

    def _carry(self, move: Move) -> Carry:
        loop, there, account_id = asyncio.get_running_loop(), self.there.database, move.account_id

        def ask(asked: Coroutine[Any, Any, T]) -> T:
            # In the thread of the transaction here, which waits: so few rows are in memory.
            return asyncio.run_coroutine_threadsafe(asked, loop).result()

        def forget(tx: Transaction) -> None:
            require_run(tx, move, Phase.ARRIVING)
            tx.moving_rows.forget_kept(account_id)

        def keep(tx: Transaction, chunk: Chunk) -> None:
            require_run(tx, move, Phase.ARRIVING)
            tx.moving_rows.keep(account_id, chunk)

        def carry(tx: Transaction) -> Mapping[str, TableDigest]:
            ask(_awaited(there.write(forget)))
            done = 0

            def take(chunk: Chunk) -> None:
                nonlocal done
                ask(_awaited(there.write(lambda tx: keep(tx, chunk))))
                done += len(chunk.rows)
                ask(_awaited(self.progress("rows", done, 0)))

            tx.moving_rows.send(account_id, take)
            return ask(_awaited(there.long(lambda tx: tx.moving_rows.kept_digests(account_id), writes=False)))

        return carry

    def _cut(
        self, tx: Transaction, move: Move, kept: Mapping[str, TableDigest], actor: str, carry: Carry | None
    ) -> Move | None:
        """Take the account away if it is as it is kept at the other vault; None if it has changed."""
        account_id, now = move.account_id, tx.now()
        tx.lock_account(account_id, exclusive=True)
        require_run(tx, move, Phase.COPYING)
        if carry is not None:
            _read_log(tx)
        if not tx.moving_rows.is_log_read(account_id):
            return None
        if not tx.moving_rows.are_as_kept(account_id, kept):
            kept = {} if carry is None else carry(tx)
            if carry is None or not tx.moving_rows.are_as_kept(account_id, kept):
                return None
        tx.account_moves.lead(account_id, tx.moving_rows.addresses(account_id))
        digest = digest_of(kept)
        tx.events.append(
            AccessEvent(
                type="account.moved", at=now, account_id=account_id, actor=actor, subject=account_id, evidence=digest
            )
        )  # fmt: skip
        tx.moving_rows.remove(account_id)
        cut = replace(move, phase=Phase.MOVED, moved_at=now, rows_digest=digest)
        tx.account_moves.put(cut)
        return cut


def digest_of(tables: Mapping[str, TableDigest]) -> str:
    """Return the SHA-256 of the digests of tables, in hexadecimal."""
    return rows_digest({name: (one.rows, one.digest) for name, one in tables.items()})


def _read_log(tx: Transaction) -> None:
    """Let the log have its effects on rows in this transaction: the account's lock lets nobody add to its part."""
    while tx.tree.sequence(limit=_BATCH):
        pass
    while (unread := tx.event_feed.unread()) is not None and publish(tx, unread):
        pass
    while (waiting := tx.handover_feed.state()[0]) is not None and follow(tx, waiting):
        pass


async def _awaited(asked: Any) -> Any:
    return await asked
