"""Starting: the vault knows its own root key, or does not start."""

from dataclasses import dataclass

from vault.domain.ids import new_id
from vault.errors import Refused, StartRefused, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import RootKey

_VAULT_ID = "vault_id"
_PROOF = "root_key_proof"
_KNOWN_TEXT = b"callvault root key proof v1"


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


def _kept(tx: Transaction) -> tuple[str, bytes] | None:
    vault_id, proof = tx.metadata.get(_VAULT_ID), tx.metadata.get(_PROOF)
    return None if vault_id is None or proof is None else (vault_id.decode(), proof)


def _context(vault_id: str) -> dict[str, str]:
    return {"vault_id": vault_id, "purpose": "root-key-proof"}
