"""Anchoring: a checkpoint is stored in the object store before it is shown, and all stored ones share one history.

Object stores differ in their conditional writes, so none are used. An attempt lists the anchors, puts its own and
lists them again; it may be shown if every anchor of the second listing is a prefix of the database's own log. Of
two contradicting attempts, the one whose put ended last finds the other in its listing, so they are never both
shown. It then deletes its own object, and retries after a random backoff.

This is safe because an anchor that may be shown is deleted only when a larger one that extends it may be shown
too; and because an attempt relies only on its own object, whose key is unique: another node of the same database
learns from the database that an anchor may be shown, never from the listing.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.transaction import Transaction
from vault.domain.audit_log.anchor import AnchorPlace, Relation
from vault.errors import LeaseLost, NotFound, Tampered, Unavailable
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.publication import Publication
from vault.services.audit_log.published_tiles import PublishedLog, has
from vault.services.audit_log.store_loss import compare_anchors
from vault.structured_log import Log
from vault.tlog.anchor_file import MAX_BYTES, MAX_LEAVES, encode_anchor
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import Signer
from vault.tlog.tree import read_frontier

_LOG = Log(__name__)
#: Attempts if another history is found, because its writer may delete its anchor.
_TRIES = 6
_BACKOFF: Final = Backoff(first=timedelta(seconds=0.1), most=timedelta(seconds=1.6), least=0)
#: Seconds between two checks whether another node has published the log.
_PUBLICATION_INTERVAL = 0.5
_PUBLICATION_TRIES = 20
#: Seconds a caller waits for an anchor. Anchoring continues afterwards: many tiles may have to be published first.
_TIMEOUT = 20.0
_UNREACHABLE = (
    "The object store cannot be reached, so the access log can be shown only up to its last anchored checkpoint. "
    "Repeat once the object store answers."
)
_OTHER_HISTORY = (
    "The object store holds access log entries that this database lacks, so the access log can be shown only up to "
    "its last anchored checkpoint. Run `callvault restore` with the database to keep."
)
_STILL_BEHIND = "The access log is still being anchored. Repeat in a moment."


class _StoreWentBackError(Exception):
    """The object store has lost data, and the loss has been logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """An anchor to put."""

    place: AnchorPlace
    note: bytes
    body: bytes
    #: Whether it covers the whole log.
    whole: bool
    #: Leaves that the database already knew to be anchored.
    anchored: int


@dataclass(slots=True, kw_only=True)
class Anchor:
    """Anchors the log's head and returns the newest checkpoint that may be shown. One instance per process."""

    database: Database
    objects: ObjectStore
    signer: Signer
    clock: Clock
    published_log: PublishedLog
    publication: Publication
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    #: Keys of attempts that are not confirmed; an attempt that finds another history deletes them.
    _unsure: set[str] = field(default_factory=set, init=False)
    _running: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def covering(self, leaves: int) -> StoredCheckpoint:
        """Return an anchored checkpoint of at least ``leaves`` leaves; anchor one if necessary.

        Raises Unavailable, with a message that names the remedy, if the object store does not answer, or holds an
        anchor that is not a prefix of the database's log.
        """
        for _ in range(3):
            known = await self.database.read(shown)
            if known is not None and known.size >= leaves:
                return known
            # A run in progress may have begun before these leaves existed.
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._together()
            except TimeoutError:
                break
        raise Unavailable(_STILL_BEHIND, retry_after=1)

    async def extend(self) -> bool:
        """Anchor the head if the log grew; False if it did not. Raises as ``covering`` does."""
        known, head = await self.database.read(lambda tx: (shown(tx), tx.tree.head()))
        if head.size <= (0 if known is None else known.size):
            return False
        await self._together()
        return True

    async def compare(self, database: Database) -> Relation:
        """Compare a database's log with every anchor, or with the published log if there is no anchor.

        Raises Unavailable if the object store or the database does not answer, Tampered for an anchor that the
        log key did not sign.
        """
        return await self.published_log.compare(database)

    async def close(self) -> None:
        """Cancel the anchoring in progress, which outlives its callers, and wait until it has let go of the store."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _together(self) -> None:
        """Anchor the head once for all concurrent callers. A cancelled caller does not cancel it for the others."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._anchor_head())
            # If all callers were cancelled, nobody else retrieves its exception.
            self._running.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._running)

    async def _anchor_head(self) -> None:
        """Anchor the head, in several steps if more leaves are unpublished than one anchor can hold."""
        while True:
            kept, draft = await self.database.read(lambda tx: (shown(tx), self._draft(tx)))
            if draft.whole or kept is None or kept.size < draft.place.size:
                try:
                    kept = await self._anchor(draft)
                except _StoreWentBackError:
                    continue  # The tiles that the draft depends on may be lost.
            else:
                # The store has lost tiles: publish those of the anchored part first.
                await self._check()
            if draft.whole:
                return
            await self._publish(kept)

    async def _publish(self, kept: StoredCheckpoint) -> None:
        """Publish up to a checkpoint, or wait until another node has. Raises Unavailable."""
        for _ in range(_PUBLICATION_TRIES):
            with suppress(LeaseLost):  # Another node has taken over.
                if await self.publication(kept):
                    return
            await self.sleep(_PUBLICATION_INTERVAL)
            published = await self.database.read(lambda tx: tx.checkpoints.publication())
            if published.size >= kept.size:
                return
        raise Unavailable(_STILL_BEHIND)

    def _draft(self, tx: Transaction) -> _Draft:
        start, head = tx.checkpoints.publication().size, tx.tree.head()
        leaves, size = list[bytes](), 0
        for leaf in tx.tree.leaves(start, min(head.size, start + MAX_LEAVES)):
            size += len(leaf.leaf)
            if size > MAX_BYTES and leaves:
                break
            leaves.append(leaf.leaf)
        before = read_frontier(tx.tree.node, start)
        after = before.extend(map(leaf_hash, leaves))[0]
        text = Checkpoint(origin=self.signer.name, size=after.size, root=after.root())
        place = AnchorPlace(size=text.size, root=text.root, attempt=secrets.token_hex(8))
        if not has(tx, place):
            raise Tampered("The leaves of the access log do not match its tree.")
        note = sign_checkpoint(text, self.signer)
        whole, last = after.size == head.size, tx.checkpoints.last()
        anchored = 0 if last is None else last.size
        return _Draft(
            place=place, note=note, body=encode_anchor(note, before, leaves), whole=whole, anchored=anchored
        )

    async def _anchor(self, draft: _Draft) -> StoredCheckpoint:
        """Put the draft as an anchor and store it as shown, unless the store has another history.

        Raises Unavailable.
        """
        for tries in range(_TRIES):
            if tries:
                await self.sleep(_BACKOFF.after(tries).total_seconds())
            smaller = await self._attempt(draft)
            if smaller is not None:
                kept = await self.database.write(lambda tx: self._keep(tx, draft))
                await self._delete([place.key for place in smaller])
                return kept
            known = await self.database.read(shown)
            if known is not None and known.size >= draft.place.size:
                return known  # Another node was faster, and has deleted the smaller ones.
        _LOG.error("log.forked", size=draft.place.size)
        raise Unavailable(_OTHER_HISTORY, retry_after=30)

    async def _attempt(self, draft: _Draft) -> Sequence[AnchorPlace] | None:
        """Put the draft; return the smaller anchors if it may be shown, None if the store has another history."""
        with _store():
            found = await self.published_log.anchors()
            old = None if found else await self.published_log.published()
            if await compare_anchors(self.database, self.published_log, found, anchored=draft.anchored):
                raise _StoreWentBackError
        if old is not None and not await self.database.read(lambda tx: has(tx, old.place)):
            return None
        if await self._contradicted(found):
            return None
        # Each attempt has its own key: a delayed deletion must not delete the next attempt's object.
        place = replace(draft.place, attempt=secrets.token_hex(8))
        self._unsure.add(place.key)
        with _store():
            await self.objects.put(place.key, draft.body)
            found = await self.published_log.anchors()
        if await self._contradicted(found) or place not in found:
            return None
        # From here on it is never deleted as an attempt.
        self._unsure.clear()
        return [other for other in found if other.size < place.size]

    async def _check(self) -> None:
        """Raise Unavailable if the object store has another history."""
        with _store():
            found = await self.published_log.anchors()
        if await self._contradicted(found):
            raise Unavailable(_OTHER_HISTORY, retry_after=30)

    async def _contradicted(self, found: Sequence[AnchorPlace]) -> bool:
        """Return whether the object store has another history; if so, delete this process's unconfirmed anchors."""
        strangers = await self.published_log.strangers(self.database, found)
        if not strangers:
            return False
        void = list[AnchorPlace]()
        with _store(), suppress(NotFound):  # Deleted since the listing: the next attempt lists again.
            void = await self.published_log.never_shown(self.database, found, strangers)
        await self._delete([place.key for place in void])
        if len(void) == len(strangers):
            return False
        await self._delete(list(self._unsure))
        return True

    async def _delete(self, keys: Sequence[str]) -> None:
        """Delete anchors; if the store does not answer, the next attempt finds and deletes the rest."""
        for key in keys:
            with suppress(Unavailable):
                await self.objects.delete(key)
                self._unsure.discard(key)

    def _keep(self, tx: Transaction, draft: _Draft) -> StoredCheckpoint:
        """Store the anchored checkpoint as shown, if the database still has the anchored tree."""
        if not has(tx, draft.place):
            raise Unavailable(_OTHER_HISTORY, retry_after=30)
        kept = tx.checkpoints.keep(StoredCheckpoint(size=draft.place.size, note=draft.note, at=self.clock()))
        if kept.note != draft.note:
            raise Tampered("A checkpoint of this size was already shown with another root.")
        return kept


@contextmanager
def _store() -> Iterator[None]:
    """Replace the message of Unavailable from the object store by its effect on the access log."""
    try:
        yield
    except Unavailable as error:
        raise Unavailable(_UNREACHABLE) from error
