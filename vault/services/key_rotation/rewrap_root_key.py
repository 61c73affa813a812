"""Migrate to a new root key: rewrap every account key and the log key.

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
from vault.tlog.key_statement import KeyStatement, sign_statement
from vault.tlog.note import Signer

#: Wrapped keys by name: an account id and a version, or the log key's name.
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
        context = bound.of_log_key(vault_id) if name == _LOG else bound.of_account_key(account_id, version)
        try:
            await self.current_root_key.unwrap(wrapped, context)
        except Tampered:
            secret = await previous.unwrap(wrapped, context)
        else:
            return wrapped
        rewrapped = await self.current_root_key.wrap(secret, context)

        def replace(tx: Transaction) -> None:
            if name == _LOG:
                tx.metadata.replace({LOG_KEY: rewrapped})
            else:
                tx.rotations.replace_wrapped_key(account_id, version, old=wrapped, new=rewrapped)

        await self.database.write(replace)
        return rewrapped

    def _end(self, tx: Transaction, vault_id: str, seen: _Wrapped, actor: str) -> bytes | None:
        """Compare all wrapped keys, log the event and replace the proof; None if a key was not seen."""
        proof = tx.metadata.get(NEXT_PROOF)
        if proof is None or any(seen.get(name) != wrapped for name, wrapped in _wrapped(tx).items()):
            return None
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


def _where(tx: Transaction) -> tuple[str, bool]:
    """Return the vault's id, and whether a root key migration is in progress."""
    return (tx.metadata.get(VAULT_ID) or b"").decode(), tx.metadata.get(NEXT_PROOF) is not None


def _wrapped(tx: Transaction) -> _Wrapped:
    """Return everything that a root key wraps, except the proof."""
    keys = dict(tx.rotations.wrapped_keys())
    log_key = tx.metadata.get(LOG_KEY)
    return keys if log_key is None else keys | {_LOG: log_key}
