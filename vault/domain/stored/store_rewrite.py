"""State of a rewrite of an object store that lost data, and of the last check of the store."""

from dataclasses import dataclass

from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object


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
