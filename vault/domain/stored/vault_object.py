"""The vault's own object: its id, and the key of its log, wrapped by the root key.

With it and the root key, a new database takes over the vault's identity; without it, the vault of a bucket cannot
be identified. It contains no secret that is not wrapped.
"""

from dataclasses import dataclass

from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object

LOCATION = "vault.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """The facts of a vault, as in its database."""

    vault_id: str
    #: A known text that the root key wrapped.
    root_key_proof: bytes
    log_name: str
    #: The Ed25519 key that signs checkpoints, wrapped by the root key.
    log_key: bytes


def encode_vault(known: VaultObject) -> bytes:
    """Encode the object."""
    return write_object(encode_fields(known))


def decode_vault(data: bytes) -> VaultObject:
    """Decode the object. Raises Tampered."""
    return decode_fields(VaultObject, read_object(data, "The vault's object"))
