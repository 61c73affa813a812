"""Migrate to a new root key: rewrap every account key, the log key, and the keys of vaults that accounts came from.

A wrapped key shows which root key wrapped it, so progress is in the wrapped keys, and a crash loses nothing: a key
that unwraps under the new root key is done. The end is one transaction: it compares all wrapped keys with those
verified under the new root key, replaces the proof, and stores a signed statement. If keys were added or changed
meanwhile, these are rewrapped first and the transaction is tried again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.stored import encryption_context as bound
from vault.errors import Refused, Tampered, Unavailable
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.node.vault_identity import (
    LOG_KEY,
    NEXT_PROOF,
    PROOF,
    ROOT_VERSION,
    STATEMENT,
    VAULT_ID,
    write_vault_object,
)
from vault.services.shared.gather_all import gathered
from vault.services.shared.move_objects import MoveObjects
from vault.tlog.key_statement import KeyStatement, sign_statement
from vault.tlog.note import Signer

#: Wrapped keys by name: an account id and a version, which is 0 for the key of the vault it came from; or the log's.
_Wrapped = Mapping[tuple[str, int], bytes]
#: Keys rewrapped concurrently.
_CONCURRENCY: Final = 8
_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrapRootKey:
    """Migrate off the previous root key: when this returns, it wraps nothing in the vault any more."""

    database: Database
    objects: ObjectStore
    signer: Signer
    move_objects: MoveObjects
    #: The new root key.
    current_root_key: RootKey
    #: The root key to retire; None without a migration.
    previous_root_key: RootKey | None = field(default=None)

    async def __call__(self, *, actor: str) -> bytes:
        """Return the signed statement. Raises Refused if no migration is in progress, Tampered, Unavailable."""
        vault_id, moving = await self.database.read(_where)
        if self.previous_root_key is None or not moving:
            raise Refused(
                "No previous root key is set. Set VAULT_ROOT_KEY_URL to the new root key and "
                "VAULT_PREVIOUS_ROOT_KEY_URL to the previous one, restart every node, and repeat.",
                reasons=("no_move",),
            )
        await self.database.read(_refuse_on_the_way)
        seen: dict[tuple[str, int], bytes] = {}
        for _ in range(_TRIES):
            current = await self.database.read(_wrapped)
            new = [name for name, wrapped in current.items() if seen.get(name) != wrapped]
            for names in batches(new, _CONCURRENCY):
                moved = await gathered(
                    [self._move(vault_id, name, current[name], self.previous_root_key) for name in names]
                )
                seen.update(zip(names, moved, strict=True))
            statement = await self.database.write(lambda tx: self._end(tx, vault_id, seen, actor))
            if statement is not None:
                await write_vault_object(self.database, self.objects)
                await self.database.scrub(moved=True)
                return statement
        raise Unavailable("Keys were added faster than they could be rewrapped. Repeat.")

    async def _move(self, vault_id: str, name: tuple[str, int], wrapped: bytes, previous: RootKey) -> bytes:
        """Rewrap a key under the new root key if necessary; return the wrapped key."""
        account_id, version = name
        context = _context(vault_id, account_id, version)
        try:
            await self.current_root_key.unwrap(wrapped, context)
        except Tampered:
            secret = await previous.unwrap(wrapped, context)
        else:
            await self._store_peer(account_id, version)
            return wrapped
        rewrapped = await self.current_root_key.wrap(secret, context)

        def replace(tx: Transaction) -> None:
            if name == _LOG:
                tx.metadata.replace({LOG_KEY: rewrapped})
            elif version == _PEER:
                tx.account_moves.replace_peer_key(account_id, old=wrapped, new=rewrapped)
            else:
                tx.rotations.replace_wrapped_key(account_id, version, old=wrapped, new=rewrapped)

        await self.database.write(replace)
        await self._store_peer(account_id, version)
        return rewrapped

    async def _store_peer(self, account_id: str, version: int) -> None:
        """Store the key of the vault that an account came from as it is now: a restore here needs it."""
        if account_id and version == _PEER:
            move = await self.database.read(lambda tx: tx.account_moves.of(account_id))
            if move is not None:
                await self.move_objects.put(move)

    def _end(self, tx: Transaction, vault_id: str, seen: _Wrapped, actor: str) -> bytes | None:
        """Compare all wrapped keys, log the event and replace the proof; None if a key was not seen."""
        proof = tx.metadata.get(NEXT_PROOF)
        if proof is None or any(seen.get(name) != wrapped for name, wrapped in _wrapped(tx).items()):
            return None
        _refuse_on_the_way(tx)
        version = int(tx.metadata.get(ROOT_VERSION) or b"1")
        now = tx.now()
        statement = sign_statement(
            KeyStatement(
                origin=self.signer.name,
                owner=vault_id,
                version=version,
                recordings=0,
                at=now,
                size=tx.tree.head().size,
            ),
            self.signer,
        )
        tx.events.append(
            AccessEvent(type="key.rewrapped", at=now, account_id=None, actor=actor, result=f"root_v{version}")
        )
        facts = {PROOF: proof, ROOT_VERSION: str(version + 1).encode(), f"{STATEMENT}{version}": statement}
        tx.metadata.replace(facts, drop=[NEXT_PROOF])
        return statement


_LOG: Final = ("", 0)
_PEER: Final = 0


def _context(vault_id: str, account_id: str, version: int) -> bound.Context:
    if not account_id:
        return bound.of_log_key(vault_id)
    return bound.of_peer_key(account_id) if version == _PEER else bound.of_account_key(account_id, version)


def _refuse_on_the_way(tx: Transaction) -> None:
    """Raise Refused for an account between two vaults: the other one keeps its keys under the previous root key."""
    if tx.account_moves.on_the_way():
        text = "An account is on its way to another vault. Run `callvault move-account` again, then repeat."
        raise Refused(text, reasons=("moving",))


def _where(tx: Transaction) -> tuple[str, bool]:
    """Return the vault's id, and whether a root key migration is in progress."""
    return (tx.metadata.get(VAULT_ID) or b"").decode(), tx.metadata.get(NEXT_PROOF) is not None


def _wrapped(tx: Transaction) -> _Wrapped:
    """Return everything that a root key wraps, except the proof."""
    keys = dict(tx.rotations.wrapped_keys())
    keys |= {(account_id, _PEER): wrapped for account_id, wrapped in tx.account_moves.peer_keys().items()}
    log_key = tx.metadata.get(LOG_KEY)
    return keys if log_key is None else keys | {_LOG: log_key}
