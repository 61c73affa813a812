"""From one root key to the next: every account key and the key of the log are wrapped anew.

The keys tell by themselves who wrapped what, so progress is in what is wrapped, and a crash costs nothing: what
opens under the new root key is done. The end is one transaction, which compares every wrapped key there is
with those that were seen to open under the new root key, moves the proof, and keeps a signed statement. What
came or changed since then is looked at before another try.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.stored import encryption_context as bound
from vault.errors import Refused, Tampered, Unavailable
from vault.ports.database import Database, Transaction
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.node.root_key_proof import LOG_KEY, NEXT_PROOF, PROOF, ROOT_VERSION, STATEMENT, VAULT_ID
from vault.services.node.vault_identity import write_vault_object
from vault.services.shared.gather_all import gathered
from vault.tlog.key_statement import KeyStatement, sign_statement
from vault.tlog.note import Signer

#: Wrapped keys by their name: an account's id and a version, or the log's.
_Wrapped = Mapping[tuple[str, int], bytes]
#: Keys that are looked at together: a key service answers several at a time.
_CONCURRENCY: Final = 8
_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrapRootKey:
    """Leave the previous root key: when this returns, nothing in the vault is wrapped by it."""

    database: Database
    objects: ObjectStore
    signer: Signer
    #: The one that the vault goes to.
    current_root_key: RootKey
    #: The one that it leaves; None where no move is set up.
    previous_root_key: RootKey | None = field(default=None)

    async def __call__(self, *, actor: str) -> bytes:
        """Return the signed statement. Raises Refused where no move is under way, Tampered, Unavailable."""
        vault_id, moving = await self.database.read(_where)
        if self.previous_root_key is None or not moving:
            raise Refused(
                "No other root key is set up. Set VAULT_ROOT_KEY_URL to the new one, "
                "VAULT_PREVIOUS_ROOT_KEY_URL to the one before, restart every node, and call this again.",
                reasons=("no_move",),
            )
        seen: dict[tuple[str, int], bytes] = {}
        for _ in range(_TRIES):
            there = await self.database.read(_wrapped)
            new = [name for name, wrapped in there.items() if seen.get(name) != wrapped]
            for start in range(0, len(new), _CONCURRENCY):
                names = new[start : start + _CONCURRENCY]
                moved = await gathered(
                    [self._move(vault_id, name, there[name], self.previous_root_key) for name in names]
                )
                seen.update(zip(names, moved, strict=True))
            statement = await self.database.write(lambda tx: self._end(tx, vault_id, seen, actor))
            if statement is not None:
                await write_vault_object(self.database, self.objects)
                await self.database.scrub()
                return statement
        raise Unavailable("Keys were added faster than they could be looked at.")

    async def _move(self, vault_id: str, name: tuple[str, int], wrapped: bytes, previous: RootKey) -> bytes:
        """Return a key as the new root key wraps it, in its place."""
        account_id, version = name
        context = bound.of_log_key(vault_id) if name == _LOG else bound.of_account_key(account_id, version)
        try:
            await self.current_root_key.unwrap(wrapped, context)
        except Tampered:
            secret = await previous.unwrap(wrapped, context)
        else:
            return wrapped
        anew = await self.current_root_key.wrap(secret, context)

        def replace(tx: Transaction) -> None:
            if name == _LOG:
                tx.metadata.replace({LOG_KEY: anew})
            else:
                tx.rotations.replace_wrapped_key(account_id, version, old=wrapped, new=anew)

        await self.database.write(replace)
        return anew

    def _end(self, tx: Transaction, vault_id: str, seen: _Wrapped, actor: str) -> bytes | None:
        """Compare, say so, and move the proof; None if there is a key that was not seen."""
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
    """Return the vault's id, and whether it is on its way to another root key."""
    return (tx.metadata.get(VAULT_ID) or b"").decode(), tx.metadata.get(NEXT_PROOF) is not None


def _wrapped(tx: Transaction) -> _Wrapped:
    """Return everything that a root key wraps, but for the proof."""
    keys = dict(tx.rotations.wrapped_keys())
    log_key = tx.metadata.get(LOG_KEY)
    return keys if log_key is None else keys | {_LOG: log_key}
