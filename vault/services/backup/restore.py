"""Restore the current database (old, empty or diverged) from the object store.

The database's log is compared with the anchored log. First the effects of anchored events that the database lacks
are applied; then the anchored leaves are put into its tree at their indexes, and its own leaves after them.
Changes that the database acknowledged since are kept; in a conflict, the closing act wins. Until the end, a mark
in the database keeps every node in recovery mode, so an interrupted restore can be run again; every step is
idempotent.

A database that has a part of the anchored log reads only what the lost part names (``Scope``), so the cost does not
grow with the archive. Afterwards, while the vault serves again, manifests that changed without an event are found by
their time (``RestoreUnnamed``).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.progress import MARK, NEW_MARK, ProgressCallback, Report, no_progress
from vault.domain.recordings.recording import Recording
from vault.domain.stored.account_object_name import ObjectName, by_account
from vault.domain.stored.closing_acts import Act
from vault.errors import Refused, Unavailable
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.own_history import account_object_names
from vault.services.audit_log.published_tiles import PublishedLog, StoredLog
from vault.services.backup.request_objects import RequestObjects
from vault.services.backup.restore_accounts import RestoreAccounts
from vault.services.backup.restore_entered import close_entered
from vault.services.backup.restore_log import Divergence, RestoreLog
from vault.services.backup.restore_replay import replay, restrict_unredacted
from vault.services.backup.restore_scope import Scope, changed_names
from vault.services.backup.restore_unnamed import RestoreUnnamed, begin_unnamed
from vault.services.closing_acts.journal import Journal, PermanentActs
from vault.services.shared.move_objects import MoveObjects

#: Events whose content was only in the lost database.
_LOST: Mapping[str, str] = {
    "key.created": "API keys",
    "link.created": "playback links",
    "consent.told": "consent statements of parties",
    "notice.drafted": "drafts of notices",
}

#: Recordings per transaction; a transaction has a few seconds.
_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Restore the database from the object store and the log in it."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    published_log: PublishedLog
    journal: Journal
    anchor: Anchor
    clock: Clock
    unnamed: RestoreUnnamed
    move_objects: MoveObjects

    async def __call__(self, *, actor: str, progress: ProgressCallback = no_progress) -> Report:
        """Restore; return a report of what was restored and what was not.

        Raises Refused if there is nothing to restore, Tampered if the log in the object store does not match its
        checkpoint, Unavailable.
        """
        report = Report()
        log = RestoreLog(database=self.database, published_log=self.published_log)
        anchored = await self.published_log.newest()
        names = await account_object_names(self.objects)
        changed = await changed_names(self.database, names)
        divergence = await log.compare(
            anchored, (name.size for name in changed if name.size is not None), progress
        )
        scope = divergence.named
        acts = await self._missing(scope, report)
        if acts or await self._is_due(anchored, divergence):
            mark = await self.database.write(lambda tx: _mark(tx, divergence))
            if scope is not None:
                changed = [name for name in names if name in changed or name.account_id in scope.accounts]
            wanted = names if scope is None else changed
            restricted = await self._bring_in(divergence, wanted, acts, report, progress, actor=actor)
            await name_what_is_lost(self.database, divergence, report)
            if anchored is not None:
                await log.join(anchored, divergence, progress)
                await self.database.write(lambda tx: self._published(tx, anchored))
            report.add("leaves", divergence.lost.leaves)
            report.add("own", divergence.own.leaves)
            since = None if scope is None else scope.since
            await self.database.write(lambda tx: _finish(tx, mark, restricted, since, actor))
            while await self.database.write(lambda tx: tx.restore.take_waiting(limit=1000)):
                pass
            with suppress(Unavailable):  # Otherwise a worker anchors it.
                await self.anchor.extend()
        elif not await self._bring_in_moves(report) and not await self.unnamed.any_due():
            raise Refused("There is nothing to restore: the database is as recent as the object store.")
        # The vault serves again. What follows is not named by any event, so its cost grows with the archive.
        await self.unnamed(report, progress, actor=actor)
        return report

    async def _bring_in_moves(self, report: Report) -> bool:
        """Bring in moves that the database lacks: their objects could not be used before. Return whether any does."""
        moves = await self.move_objects.stored()
        if not await self.move_objects.are_lacking(moves):
            return False
        report.findings += moves.findings
        await self.move_objects.bring_in(moves)
        return True

    async def _missing(self, scope: Scope | None, report: Report) -> Sequence[Act]:
        """Return the closing acts that the database lacks, and add their subjects to the scope."""
        among = None if scope is None else PermanentActs(keys=scope.kept, accounts=scope.rotated)
        acts = await self.journal.missing(self.database, kept=True, among=among, findings=report.findings)
        if scope is not None:
            for act in acts:
                scope.take(act.event)
        return acts

    async def _is_due(self, anchored: StoredLog | None, divergence: Divergence) -> bool:
        """Return whether the database lacks anything in the object store, or a restore was interrupted."""
        if await self.database.read(lambda tx: tx.metadata.get(MARK)) is not None:
            return True
        if anchored is None or not anchored.checkpoint.size:
            return await self.published_log.is_newer()
        return divergence.fork < anchored.checkpoint.size

    async def _bring_in(
        self,
        divergence: Divergence,
        names: Sequence[ObjectName],
        acts: Sequence[Act],
        report: Report,
        progress: ProgressCallback,
        *,
        actor: str,
    ) -> Sequence[Recording]:
        """Apply the object store and the anchored log to the rows; return the recordings that this restricts.

        If the divergence names what changed, only that is read.
        """
        accounts = RestoreAccounts(
            database=self.database,
            objects=self.objects,
            ring=self.ring,
            requests=RequestObjects(database=self.database, objects=self.objects, ring=self.ring),
            names=by_account(names),
        )
        recordings = self.unnamed.recordings
        moves = await self.move_objects.stored()
        report.findings += moves.findings
        await accounts.bring_in(divergence, acts, report, progress, actor=actor, left=moves.left)
        await recordings.tombstones(divergence.named, report, progress)
        ids = await recordings.manifests(divergence, report, progress)
        await accounts.refuse_in_flight(report)
        await accounts.fail_closed(divergence, report)
        await replay(self.database, divergence, report, progress)
        for act in acts:
            await self.database.write(
                lambda tx, act=act: self.journal.apply(tx, act, logged=act.event.id in divergence.ids)  # type: ignore[misc]
            )
        await restrict_unredacted(self.database, divergence, report)
        await self.move_objects.bring_in(moves)
        report.add("acts", len(acts))
        await close_entered(self.database, divergence.own.available, acts, report, actor=actor)
        return [] if divergence.named else await recordings.without_manifest(ids, divergence, report)

    def _published(self, tx: Transaction, anchored: StoredLog) -> None:
        checkpoint = StoredCheckpoint(size=anchored.checkpoint.size, note=anchored.note, at=self.clock())
        tx.restore.published(checkpoint, tiles=anchored.tiles, at=self.clock())


def _mark(tx: Transaction, divergence: Divergence) -> bytes:
    """Store the divergence at the start of the restore; return that of the first attempt."""
    mark = tx.metadata.get(MARK)
    if mark is None or mark == NEW_MARK:
        mark = f"{divergence.fork} {divergence.size} {divergence.fork + divergence.lost.leaves}".encode()
        tx.metadata.replace({MARK: mark})
    return mark


def _finish(
    tx: Transaction, mark: bytes, restricted: Sequence[Recording], since: datetime | None, actor: str
) -> None:
    """Log the restore, and end recovery mode; from ``since`` on, manifests may have changed without an event."""
    if tx.metadata.get(MARK) is None:
        return  # A concurrent restore was faster.
    tx.metadata.replace({}, drop=[MARK])
    if since is not None:
        begin_unnamed(tx, since)
    now = tx.now()
    fork, size, anchored = map(int, mark.split())
    if size:
        result = "forked" if fork < min(size, anchored) else "behind"
        went_back = AccessEvent(
            type="log.database_went_back", at=now, account_id=None, actor=actor, first=fork, end=anchored,
            result=result,
        )  # fmt: skip
        tx.events.append(went_back)
    tx.events.append(AccessEvent(type="vault.restored", at=now, account_id=None, actor=actor))
    for recording in restricted:
        tx.events.append(
            AccessEvent(
                type="recording.restricted",
                at=now,
                account_id=recording.account_id,
                actor=actor,
                recording_id=recording.id,
                result="manifest_missing",
            )
        )


async def name_what_is_lost(database: Database, divergence: Divergence, report: Report) -> None:
    """Report events of the lost time that left no object; make the providers' lists due for a reconcile."""
    lost = divergence.lost
    quarantined = await _count_gone(database, sorted(lost.quarantined))
    if not divergence.size and quarantined:
        report.notes.append(
            f"{quarantined} recordings in quarantine were not restored: only the lost database had their keys. The "
            "providers' lists are compared now; what a platform has uploaded itself must be uploaded again."
        )
    if not divergence.size or lost.first_at is None or lost.last_at is None:
        return
    since = lost.first_at
    report.add("providers", await database.write(lambda tx: tx.restore.make_reconciliation_due(since)))
    gone = await _count_gone(database, sorted(lost.available - set(lost.erased)))
    counts = {name: lost.types[kind] for kind, name in _LOST.items()}
    counts |= {"recordings in quarantine": quarantined, "available recordings": gone}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    report.notes.append(
        f"The database lacked the events from {since:%Y-%m-%d %H:%M:%S} to {lost.last_at:%H:%M:%S} UTC"
        f"{': ' + words + ' were not restored' if words else ''}. Call starts, facts of calls and webhooks of that "
        "time have no object: the providers' lists are compared now, and your own platforms must send theirs again."
    )


async def _count_gone(database: Database, recording_ids: Sequence[str]) -> int:
    """Return how many of these recordings have no row."""
    gone = 0
    for batch in batches(recording_ids, _BATCH_SIZE):
        existing = await database.read(lambda tx, batch=batch: tx.recordings.existing(batch))  # type: ignore[misc]
        gone += len(batch) - len(existing)
    return gone
