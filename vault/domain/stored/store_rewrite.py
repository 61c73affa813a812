"""What is kept about an object store that lost something: how far everything has been written there again."""

from dataclasses import dataclass

from vault.domain.stored.json_reader import read_object, write_object


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRewrite:
    """A rewrite that is under way. What is written again is marked in steps, each of them repeatable."""

    #: Leaves of the log that the object store had, and those that the database knew to lie there.
    found: int
    known: int
    #: Recordings up to this id are marked; None once all of them are.
    recordings_after: str | None = ""
    #: Copies of published checkpoints up to this size lie there.
    checkpoints_above: int = 0
    checkpoints_done: bool = False
    #: Tiles of the log of this size are compared, and so many of them are done already. What comes after them is
    #: published as always.
    tiles_size: int = 0
    tiles_done: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLook:
    """What the last look at the object store compared with."""

    #: Leaves that the newest anchored checkpoint covers, and those that lie in published tiles.
    anchored: int
    published: int


def encode_rewrite(rewrite: StoreRewrite) -> bytes:
    """Write it as it is kept in the database."""
    return write_object({name: getattr(rewrite, name) for name in StoreRewrite.__slots__})


def decode_rewrite(data: bytes) -> StoreRewrite:
    """Read it back. Raises Tampered."""
    fields = read_object(data, "The state of a rewrite")
    rewrite = StoreRewrite(
        found=fields.integer("found"),
        known=fields.integer("known"),
        recordings_after=fields.maybe_text("recordings_after"),
        checkpoints_above=fields.integer("checkpoints_above"),
        checkpoints_done=fields.flag("checkpoints_done"),
        tiles_size=fields.integer("tiles_size"),
        tiles_done=fields.integer("tiles_done"),
    )
    fields.done()
    return rewrite


def encode_look(look: StoreLook) -> bytes:
    """Write it as it is kept in the database."""
    return write_object({"anchored": look.anchored, "published": look.published})


def decode_look(data: bytes) -> StoreLook:
    """Read it back. Raises Tampered."""
    fields = read_object(data, "The last look at the object store")
    look = StoreLook(anchored=fields.integer("anchored"), published=fields.integer("published"))
    fields.done()
    return look
