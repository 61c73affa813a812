"""The proof of the root key: a known text that only the right key opens, kept with the vault's id."""

from typing import Final

from vault.ports.database import Transaction

#: Names of facts in the vault's metadata.
VAULT_ID: Final = "vault_id"
PROOF: Final = "root_key_proof"
#: The same under the root key that the vault is on its way to; only there on the way.
NEXT_PROOF: Final = "next_root_key_proof"
#: How many root keys the vault has had, this one included; 1 where nothing is said.
ROOT_VERSION: Final = "root_key_version"
#: Before the number of a root key that was left: the signed statement about it.
STATEMENT: Final = "root_key_statement/"
#: The key that signs checkpoints, wrapped by the root key.
LOG_KEY: Final = "log_key"


def kept_proof(tx: Transaction) -> tuple[str, bytes] | None:
    """Return the vault's id and the proof of its root key; None before the first start."""
    vault_id, proof = tx.metadata.get(VAULT_ID), tx.metadata.get(PROOF)
    return None if vault_id is None or proof is None else (vault_id.decode(), proof)


def proof_context(vault_id: str) -> dict[str, str]:
    """Return the context to which the proof is bound."""
    return {"vault_id": vault_id, "purpose": "root-key-proof"}
