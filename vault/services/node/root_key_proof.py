"""The proof of the root key: a known text that only the right key opens, stored beside the vault's id."""

from typing import Final

from vault.database.transaction import Transaction

#: Names of rows in the vault's metadata.
VAULT_ID: Final = "vault_id"
PROOF: Final = "root_key_proof"
#: The same under the next root key; exists only during a rotation of the root key.
NEXT_PROOF: Final = "next_root_key_proof"
#: Number of root keys that the vault has had, including the current one; 1 if the row is missing.
ROOT_VERSION: Final = "root_key_version"
#: Prefix of the signed statement about a replaced root key; that key's number follows.
STATEMENT: Final = "root_key_statement/"
#: The key that signs checkpoints, wrapped by the root key.
LOG_KEY: Final = "log_key"


def kept_proof(tx: Transaction) -> tuple[str, bytes] | None:
    """Return the vault's id and the proof of its root key; None before the first start."""
    vault_id, proof = tx.metadata.get(VAULT_ID), tx.metadata.get(PROOF)
    return None if vault_id is None or proof is None else (vault_id.decode(), proof)


def proof_context(vault_id: str) -> dict[str, str]:
    """Return the proof's encryption context."""
    return {"vault_id": vault_id, "purpose": "root-key-proof"}
