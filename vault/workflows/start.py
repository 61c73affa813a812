"""Starting: the vault knows its own root key and the key of its log, or does not start."""

import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from vault.domain.ids import new_id
from vault.errors import Refused, StartRefused, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import RootKey
from vault.tlog.note import KEY_BYTES, Signer

_VAULT_ID = "vault_id"
_PROOF = "root_key_proof"
_KNOWN_TEXT = b"callvault root key proof v1"
_LOG_NAME = "log_name"
_LOG_KEY = "log_key"


async def is_new(database: Database) -> bool:
    """Say whether the database has never belonged to a vault; only then may a root key be made."""
    return await database.read(lambda tx: tx.metadata.get(_VAULT_ID)) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveRootKey:
    """Keep a proof of the root key with a new database, and check it ever after.

    Sealing under a wrong key would make everything since then unreadable with the right one, so a
    wrong key refuses to start before anything is sealed.
    """

    database: Database
    root_key: RootKey

    async def __call__(self) -> str:
        """Return the vault's id. Raises StartRefused for another root key, Unavailable."""
        kept = await self.database.read(_kept)
        if kept is None:
            vault_id = new_id("vault")
            proof = await self.root_key.wrap(_KNOWN_TEXT, _context(vault_id))
            try:
                await self.database.write(
                    lambda tx: tx.metadata.put({_VAULT_ID: vault_id.encode(), _PROOF: proof})
                )
            except Refused:
                return await self()  # Another node was first; its proof counts.
            return vault_id
        vault_id, proof = kept
        try:
            await self.root_key.unwrap(proof, _context(vault_id))
        except Tampered as error:
            raise StartRefused(
                "The root key is not the one that this vault was made with, so nothing was touched. Point "
                "VAULT_ROOT_KEY_URL at the right key; if its file is lost, restore it from your backup: "
                "without it nothing in this vault can ever be opened."
            ) from error
        return vault_id


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLogKey:
    """Open the key that signs the access log's checkpoints. A vault without one gets one, once.

    Its name is made of the public URL of that moment and then stays, whatever the URL becomes: verifiers
    know the log by it.
    """

    database: Database
    root_key: RootKey
    public_url: str

    async def __call__(self, vault_id: str) -> Signer:
        """Return the key with its name. Raises StartRefused if it was changed, Unavailable."""
        context = {"vault_id": vault_id, "purpose": "log-key"}
        kept = await self.database.read(_kept_log_key)
        if kept is None:
            signer = Signer(name=log_name(self.public_url), secret=secrets.token_bytes(KEY_BYTES))
            wrapped = await self.root_key.wrap(signer.secret, context)
            try:
                await self.database.write(
                    lambda tx: tx.metadata.put({_LOG_NAME: signer.name.encode(), _LOG_KEY: wrapped})
                )
            except Refused:
                return await self(vault_id)  # Another node was first; its key counts.
            return signer
        name, wrapped = kept
        try:
            return Signer(name=name, secret=await self.root_key.unwrap(wrapped, context))
        except (Tampered, ValueError) as error:
            raise StartRefused(
                "The key of the access log cannot be opened, though the root key is right: its row was changed. "
                "Restore the database from a backup."
            ) from error


def log_name(public_url: str) -> str:
    """Return the name of a new log: a URL without scheme, such as ``vault.example/access-log``."""
    parts = urlsplit(public_url)
    host = parts.netloc.rpartition("@")[2]
    return quote(f"{host}{parts.path}/access-log", safe="/:[]%")


def _kept_log_key(tx: Transaction) -> tuple[str, bytes] | None:
    name, wrapped = tx.metadata.get(_LOG_NAME), tx.metadata.get(_LOG_KEY)
    return None if name is None or wrapped is None else (name.decode(), wrapped)


def _kept(tx: Transaction) -> tuple[str, bytes] | None:
    vault_id, proof = tx.metadata.get(_VAULT_ID), tx.metadata.get(_PROOF)
    return None if vault_id is None or proof is None else (vault_id.decode(), proof)


def _context(vault_id: str) -> dict[str, str]:
    return {"vault_id": vault_id, "purpose": "root-key-proof"}
