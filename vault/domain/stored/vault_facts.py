"""What the vault stores of itself: its own object, the state of a rewrite of the store, and of the scan of all objects.

The object has the vault's id, and the key of its log, wrapped by the root key. With it and the root key, a new database
takes over the vault's identity; without it, the vault of a bucket cannot be identified. It contains no secret that is
not wrapped. A rewrite is that of an object store that lost data; the slow scan compares every object with its row, over
weeks.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.domain.field_types import Later
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object

LOCATION = "vault.json"
#: The vault fact that has the progress.
SCAN: Final = "object-scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultObject:
    """The facts of a vault, as in its database."""

    vault_id: str
    #: A known text that the root key wrapped.
    root_key_proof: bytes
    log_name: str
    #: The Ed25519 key that signs checkpoints, wrapped by the root key.
    log_key: bytes
    #: The labels of cell and region; empty for a vault without.
    cell: Later[str] = ""
    region: Later[str] = ""


def encode_vault(vault: VaultObject) -> bytes:
    """Encode the object."""
    return write_object(encode_fields(vault))


def decode_vault(data: bytes) -> VaultObject:
    """Decode the object. Raises Tampered."""
    return decode_fields(VaultObject, read_object(data, "The vault's object"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRewrite:
    """A rewrite in progress. The data to write again is marked in idempotent steps."""

    #: Leaves of the log in the object store, and leaves that it should have according to the database; equal if an
    #: operator asked for the rewrite.
    found: int
    known: int
    #: Recordings up to this id are marked; None once all of them are.
    recordings_after: str | None = ""
    #: Copies of published checkpoints up to this size are stored.
    checkpoints_above: int = 0
    checkpoints_done: bool = False
    #: The tiles of the log of this size are compared; ``tiles_done`` counts those already done. Later tiles are
    #: published as usual.
    tiles_size: int = 0
    tiles_done: int = 0

    @property
    def is_loss(self) -> bool:
        """Return whether the object store has lost something, and not only an operator asked for the rewrite."""
        return self.found < self.known


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCheck:
    """The values that the last check of the object store compared with."""

    #: Leaves covered by the newest anchored checkpoint, and leaves in published tiles.
    anchored: int
    published: int


def encode_rewrite(rewrite: StoreRewrite) -> bytes:
    """Encode it for the database."""
    return write_object(encode_fields(rewrite))


def decode_rewrite(data: bytes) -> StoreRewrite:
    """Decode it. Raises Tampered."""
    return decode_fields(StoreRewrite, read_object(data, "The state of a rewrite"))


def encode_store_check(check: StoreCheck) -> bytes:
    """Encode it for the database."""
    return write_object(encode_fields(check))


def decode_store_check(data: bytes) -> StoreCheck:
    """Decode it. Raises Tampered."""
    return decode_fields(StoreCheck, read_object(data, "The last check of the object store"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScan:
    """One pass over the object store."""

    #: None for a pass that must begin immediately: the object store lost data, and may have old objects again.
    began: datetime | None
    #: The last key compared.
    after: str = ""
    done: bool = False


def encode_scan(scan: ObjectScan) -> bytes:
    """Encode it for the database."""
    return write_object(encode_fields(scan))


def decode_scan(data: bytes) -> ObjectScan:
    """Decode it. Raises Tampered."""
    return decode_fields(ObjectScan, read_object(data, "The progress of a scan"))
