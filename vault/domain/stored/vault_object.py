"""The vault's own object: who it is, and the key of its log, wrapped by the root key.

Without it a bucket holds the objects of a vault that nobody can name; with it and the root key a new
database becomes the vault's own again. It holds no secret that is not wrapped.
"""

from dataclasses import dataclass

from vault.domain.stored.json_reader import read_object, write_object

LOCATION = "vault.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """The facts of a vault, as its database keeps them."""

    vault_id: str
    #: A known text that the root key wrapped.
    root_key_proof: bytes
    log_name: str
    #: The Ed25519 key that signs checkpoints, wrapped by the root key.
    log_key: bytes


def encode_vault(known: VaultObject) -> bytes:
    """Write the object."""
    return write_object(
        {
            "vault_id": known.vault_id,
            "root_key_proof": known.root_key_proof,
            "log_name": known.log_name,
            "log_key": known.log_key,
        }
    )


def decode_vault(data: bytes) -> VaultObject:
    """Read the object back. Raises Tampered."""
    fields = read_object(data, "The vault's object")
    known = VaultObject(
        vault_id=fields.text("vault_id"),
        root_key_proof=fields.blob("root_key_proof"),
        log_name=fields.text("log_name"),
        log_key=fields.blob("log_key"),
    )
    fields.done()
    return known
