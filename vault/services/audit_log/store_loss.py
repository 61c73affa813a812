"""Detect that the object store lost data: a bucket restored from a backup, or replaced by a lagging replica.

The stored log is append-only, so it shows a loss: the newest anchor is older than the checkpoint that the
database knows to be anchored, or the copy of a checkpoint published since the last check is missing. New
anchors after the loss hide the first sign from this check, so the anchor job compares before it anchors; they
never hide the second. An idle check costs one listing; while the log grows, one small request for each
publication since the last check.

A detected loss is handled in one transaction: everything in the database is marked to be written again, and
the loss is logged. Shared by services.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.backup.object_store import REWRITE_MARK
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.anchor import AnchorPlace
from vault.domain.stored.vault_facts import (
    SCAN,
    ObjectScan,
    StoreCheck,
    StoreRewrite,
    decode_rewrite,
    decode_store_check,
    encode_rewrite,
    encode_scan,
    encode_store_check,
)
from vault.errors import NotFound
from vault.ports.objects import ObjectStore
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import PublishedLog, has
from vault.structured_log import Log

_LOG = Log(__name__)
_CHECK = "store_look"
#: Copies of checkpoints per check; a busy log publishes two a minute.
_MAX_COPIES = 8
#: Listings that must all lack the newest anchor before it counts as lost.
_LISTINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """One database snapshot's knowledge of the object store."""

    anchored: int
    published: int
    before: StoreCheck | None
    #: Checkpoints published since the last check, and the one before them.
    copies: tuple[StoredCheckpoint, ...]


async def look_for_loss(database: Database, objects: ObjectStore, published_log: PublishedLog) -> bool:
    """Check whether the object store has less than the database knows was stored; log the loss.

    Raises Unavailable, Tampered for a published checkpoint that the vault did not sign.
    """
    # Before the store is read, so that concurrent writes to it do not look like a loss.
    known = await database.read(_known)
    found = await _found(objects, published_log, known)
    if found is not None:
        known_size = max(known.anchored, known.published)
        return await record_loss(database, published_log, found=found, known=known_size)
    now = StoreCheck(anchored=known.anchored, published=known.published)
    if known.before != now:
        await database.write(lambda tx: tx.metadata.replace({_CHECK: encode_store_check(now)}))
    return False


async def compare_anchors(
    database: Database, published_log: PublishedLog, places: Sequence[AnchorPlace], *, anchored: int
) -> bool:
    """Check an existing listing of anchors for a loss; ``anchored`` was read from the database before the listing."""
    found = max((place.size for place in places), default=0)
    if found < anchored:
        found = await _newest_anchor(published_log, anchored)
    return found < anchored and await record_loss(database, published_log, found=found, known=anchored)


async def _newest_anchor(published_log: PublishedLog, anchored: int) -> int:
    """Return the size of the newest anchor; 0 if there is none.

    A listing during the replacement of an anchor may have neither the old nor the new one, so a listing that
    lacks the known anchor is repeated.
    """
    size = 0
    for _ in range(_LISTINGS):
        size = max((place.size for place in await published_log.anchors()), default=0)
        if size >= anchored:
            break
    return size


async def record_loss(database: Database, published_log: PublishedLog, *, found: int, known: int) -> bool:
    """Log a loss and mark everything to be rewritten; False if it is already known. Raises Unavailable, Tampered."""
    stored = await published_log.published()

    def note(tx: Transaction) -> bool:
        # Up to the published size all tiles exist, except those that a replica lost at random: those are compared.
        published = stored.checkpoint.size if stored is not None and has(tx, stored.place) else 0
        return note_loss(tx, found=found, known=known, published=published, actor="worker")

    if not await database.write(note):
        return False
    metrics.STORE_WENT_BACK.inc()
    _LOG.error("store.went_back", size=found, count=known - found)
    return True


def note_loss(tx: Transaction, *, found: int, known: int, published: int, actor: str) -> bool:
    """Mark everything to be written again, and log the loss; False if this loss is already known.

    If an operator asks for it, nothing is lost: the rewrite says so by having found what is known.
    """
    pending, asked = rewrite_of(tx), actor != "worker"
    if pending is not None and pending.is_loss and pending.known >= known and not asked:
        return False
    begun = StoreRewrite(
        found=known if asked else found, known=known, checkpoints_above=found, tiles_size=published
    )
    if asked and pending is not None and pending.is_loss:
        begun = replace(begun, found=pending.found, known=max(known, pending.known))
    # The store may have old objects again, also of erased recordings.
    scan = encode_scan(ObjectScan(began=None))
    tx.metadata.replace({REWRITE_MARK: encode_rewrite(begun), SCAN: scan}, drop=[_CHECK])
    tx.object_store.rewrite_log_and_accounts(published=published)
    tx.events.append(
        AccessEvent(
            type="store.went_back", at=tx.now(), account_id=None, actor=actor, first=found, end=known,
            result="noticed" if actor == "worker" else "asked",
        )
    )  # fmt: skip
    return True


def rewrite_of(tx: Transaction) -> StoreRewrite | None:
    """Return the rewrite in progress; None if there is none."""
    row = tx.metadata.get(REWRITE_MARK)
    return None if row is None else decode_rewrite(row)


def keep_rewrite(tx: Transaction, before: StoreRewrite, after: StoreRewrite | None) -> None:
    """Store the progress of a rewrite, or its end, unless another loss was detected meanwhile."""
    if rewrite_of(tx) != before:
        return
    if after is None:
        tx.metadata.replace({}, drop=[REWRITE_MARK])
    else:
        tx.metadata.replace({REWRITE_MARK: encode_rewrite(after)})


def _known(tx: Transaction) -> _Known:
    last, row = tx.checkpoints.last(), tx.metadata.get(_CHECK)
    before = None if row is None else decode_store_check(row)
    anchored = 0 if last is None else last.size
    copies: tuple[StoredCheckpoint, ...] = ()
    if before is not None and before.anchored != anchored:
        copies = tuple(tx.object_store.published_checkpoints(above=before.published - 1, limit=_MAX_COPIES))
    return _Known(anchored=anchored, published=tx.object_store.published_size(), before=before, copies=copies)


async def _found(objects: ObjectStore, published_log: PublishedLog, known: _Known) -> int | None:
    """Return how many leaves the object store has, if these are too few; otherwise None."""
    anchor = await _newest_anchor(published_log, known.anchored)
    if anchor and anchor < known.anchored:
        return anchor
    if not anchor and (known.anchored or known.published):
        # Nothing was anchored since a release without anchors, or the anchors are lost with all the rest.
        published = await published_log.published()
        size = 0 if published is None else published.checkpoint.size
        if size < max(known.anchored, known.published):
            return size
    present = 0
    for copy in known.copies:
        try:
            await objects.size(copy_of(copy.size))
        except NotFound:
            return present
        present = copy.size
    return None
