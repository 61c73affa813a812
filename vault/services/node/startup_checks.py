"""Startup checks: the vault starts only if the root key and the log's signing key are the right ones."""

import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.stored.encryption_context import of_log_key
from vault.errors import Refused, StartRefused, Tampered, Unavailable
from vault.ports.keys import RootKey
from vault.services.node.vault_identity import LOG_KEY, NEXT_PROOF, PROOF, VAULT_ID, kept_proof, proof_context
from vault.tlog.note import KEY_BYTES, Signer

_KNOWN_TEXT = b"callvault root key proof v1"
_LOG_NAME = "log_name"


async def is_new(database: Database) -> bool:
    """Return whether the database has never belonged to a vault; only then may a root key be created."""
    return await database.read(lambda tx: tx.metadata.get(VAULT_ID)) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveRootKey:
    """Store a proof of the root key in a new database, and check it at each later start.

    Data sealed under a wrong root key would be unreadable with the right one, so with a wrong key the vault
    refuses to start before it seals anything.
    """

    database: Database
    root_key: RootKey
    #: During a rotation of the root key: the key that is being replaced.
    previous: RootKey | None = None
    #: Only check: a proof of the next root key is not stored.
    read_only: bool = False

    async def __call__(self) -> str:
        """Return the vault's id. Raises StartRefused for another root key, Unavailable."""
        stored = await self.database.read(kept_proof)
        if stored is None:
            vault_id = new_id("vault")
            proof = await _reply(self.root_key.wrap(_KNOWN_TEXT, proof_context(vault_id)))
            try:
                await self.database.write(
                    lambda tx: tx.metadata.put({VAULT_ID: vault_id.encode(), PROOF: proof})
                )
            except Refused:
                return await self()  # Another node was first; its proof is valid.
            return vault_id
        vault_id, proof = stored
        try:
            await _reply(self.root_key.unwrap(proof, proof_context(vault_id)))
        except Tampered as error:
            if not await opens(self.previous, vault_id, proof):
                raise StartRefused(
                    "The root key is not the one that this vault was made with, so nothing was changed. Point "
                    "VAULT_ROOT_KEY_URL at the right key; if its file is lost, restore it from your backup: "
                    "without it nothing in this vault can ever be opened."
                ) from error
            await self._prove_next(vault_id)
        return vault_id

    async def _prove_next(self, vault_id: str) -> None:
        """Store a proof of the next root key; once it is stored, refuse any other next root key."""
        stored = await self.database.read(lambda tx: tx.metadata.get(NEXT_PROOF))
        if stored is None:
            if self.read_only:
                return
            proof = await _reply(self.root_key.wrap(_KNOWN_TEXT, proof_context(vault_id)))
            try:
                await self.database.write(lambda tx: tx.metadata.put({NEXT_PROOF: proof}))
            except Refused:
                await self._prove_next(vault_id)  # Another node was first; its proof is valid.
        elif not await opens(self.root_key, vault_id, stored):
            raise StartRefused(
                "The vault is being rotated to another root key than the one that VAULT_ROOT_KEY_URL names, and some "
                "of its keys already open only with that one. Point VAULT_ROOT_KEY_URL at it, and run "
                "`callvault rotate --root` until it is done."
            )


async def opens(root_key: RootKey | None, vault_id: str, proof: bytes) -> bool:
    """Return whether the root key opens a proof. Raises Unavailable."""
    if root_key is None:
        return False
    try:
        await _reply(root_key.unwrap(proof, proof_context(vault_id)))
    except Tampered:
        return False
    return True


async def may_make_root_key(database: Database, previous: RootKey | None) -> bool:
    """Return whether a missing root key may be created: for a new vault, or before a root key rotation begins."""
    stored = await database.read(kept_proof)
    if stored is None:
        return True
    begun = await database.read(lambda tx: tx.metadata.get(NEXT_PROOF))
    return begun is None and await opens(previous, *stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLogKey:
    """Open the key that signs the access log's checkpoints; create it if the vault has none.

    The log's name is made from the public URL at that moment and never changes, even if the URL does: verifiers
    identify the log by it.
    """

    database: Database
    root_key: RootKey
    public_url: str

    async def __call__(self, vault_id: str) -> Signer:
        """Return the signer with the log's name. Raises StartRefused if the row was changed, Unavailable."""
        context = of_log_key(vault_id)
        stored = await self.database.read(_stored_log_key)
        if stored is None:
            signer = Signer(name=log_name(self.public_url), secret=secrets.token_bytes(KEY_BYTES))
            wrapped = await self.root_key.wrap(signer.secret, context)
            try:
                await self.database.write(
                    lambda tx: tx.metadata.put({_LOG_NAME: signer.name.encode(), LOG_KEY: wrapped})
                )
            except Refused:
                return await self(vault_id)  # Another node was first; its key is valid.
            return signer
        name, wrapped = stored
        try:
            return Signer(name=name, secret=await self.root_key.unwrap(wrapped, context))
        except (Tampered, ValueError) as error:
            raise StartRefused(
                "The key of the access log cannot be opened, though the root key is right: its row was changed. "
                "Restore the database from a backup."
            ) from error


async def _reply(answer: Awaitable[bytes]) -> bytes:
    """Return the key service's reply. Raises Unavailable, with advice for the operator."""
    try:
        return await answer
    except Unavailable as error:
        raise Unavailable(
            f"{error} Without its root key the vault does not start, and nothing was sealed. Once the key "
            "service lets it use the key that VAULT_ROOT_KEY_URL names, start it again."
        ) from error


def log_name(public_url: str) -> str:
    """Return the name of a new log: a URL without its scheme, such as ``vault.example/access-log``."""
    parts = urlsplit(public_url)
    host = parts.netloc.rpartition("@")[2]
    return quote(f"{host}{parts.path}/access-log", safe="/:[]%")


def _stored_log_key(tx: Transaction) -> tuple[str, bytes] | None:
    name, wrapped = tx.metadata.get(_LOG_NAME), tx.metadata.get(LOG_KEY)
    return None if name is None or wrapped is None else (name.decode(), wrapped)
