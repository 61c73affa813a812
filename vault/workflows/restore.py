"""Restoring: the present database, old, empty or gone its own way, becomes whole from what the object store has.

The database's log is compared with the anchored one. What happened there and is unknown here is done to the
database first; then the anchored leaves come into its tree at their places, and its own behind them. What was
acknowledged here since stays, and of what both did the closed one wins. Until all is done a mark in the
database keeps every node in recovery mode, so a restore that was cut short is run again; every step changes
nothing the second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.access_event import AccessEvent
from vault.domain.recording import Recording
from vault.domain.restoring import MARK, Report, Seen, unseen
from vault.errors import Refused
from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.tlog.note import Signer
from vault.workflows.admission import Admission
from vault.workflows.published_log import PublishedLog
from vault.workflows.restore_accounts import RestoreAccounts
from vault.workflows.restore_log import Anchored, Parted, RestoreLog
from vault.workflows.restore_recordings import RestoreRecordings
from vault.workflows.restore_report import name_what_is_lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Make the database whole from the object store and the log in it."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    admission: Admission
    published_log: PublishedLog
    signer: Signer
    clock: Clock

    async def __call__(self, *, actor: str, seen: Seen = unseen) -> Report:
        """Return what was restored, and what was not.

        Raises Refused where there is nothing to restore, Tampered if the log in the object store is not
        what its checkpoint says, Unavailable.
        """
        log = RestoreLog(
            database=self.database,
            objects=self.objects,
            signer=self.signer,
            published_log=self.published_log,
        )
        anchored = await log.anchored()
        parted = await log.compare(anchored, seen)
        if not await self._is_due(anchored, parted):
            raise Refused("There is nothing to restore: the database is as new as the object store.")
        mark = await self.database.write(lambda tx: _mark(tx, parted))
        report = Report()
        restricted = await self._bring_in(parted, report, seen, actor=actor)
        await name_what_is_lost(self.database, parted, report)
        if anchored is not None:
            await log.join(anchored, parted, seen)
            await self.database.write(lambda tx: self._published(tx, anchored))
        report.add("leaves", parted.lost.leaves)
        report.add("own", parted.own.leaves)
        await self.database.write(lambda tx: _finish(tx, mark, restricted, actor))
        while await self.database.write(lambda tx: tx.restored.take_waiting(limit=1000)):
            pass
        return report

    async def _is_due(self, anchored: Anchored | None, parted: Parted) -> bool:
        """Say whether the object store has anything that the database lacks, or a restore was cut short."""
        if await self.database.read(lambda tx: tx.metadata.get(MARK)) is not None:
            return True
        if anchored is None or not anchored.checkpoint.size:
            return await self.published_log.is_newer()
        return parted.fork < anchored.checkpoint.size

    async def _bring_in(
        self, parted: Parted, report: Report, seen: Seen, *, actor: str
    ) -> Sequence[Recording]:
        """Do to the rows what the object store and the anchored log say; return what is restricted by that."""
        accounts = RestoreAccounts(database=self.database, objects=self.objects, ring=self.ring)
        recordings = RestoreRecordings(
            database=self.database, objects=self.objects, ring=self.ring, admission=self.admission
        )
        await accounts.bring_in(parted, report, seen, actor=actor)
        await recordings.tombstones(report, seen)
        ids = await recordings.manifests(parted, report, seen)
        await accounts.fail_closed(parted, report)
        await recordings.replay(parted, report, seen)
        return await recordings.without_manifest(ids, parted, report)

    def _published(self, tx: Transaction, anchored: Anchored) -> None:
        checkpoint = KeptCheckpoint(size=anchored.checkpoint.size, note=anchored.note, at=self.clock())
        tx.restored.published(checkpoint, at=self.clock())


def _mark(tx: Transaction, parted: Parted) -> bytes:
    """Keep how far the histories had parted when the restore began; return that of the first attempt."""
    kept = tx.metadata.get(MARK)
    if kept is None:
        kept = f"{parted.fork} {parted.size} {parted.fork + parted.lost.leaves}".encode()
        tx.metadata.put({MARK: kept})
    return kept


def _finish(tx: Transaction, mark: bytes, restricted: Sequence[Recording], actor: str) -> None:
    """Put on record what was restored, and end recovery mode."""
    if tx.metadata.get(MARK) is None:
        return  # Another restore beside this one was faster.
    tx.metadata.drop(MARK)
    now = tx.now()
    fork, size, anchored = map(int, mark.split())
    if size:
        result = "forked" if size > fork else "behind"
        back = AccessEvent(
            type="log.database_went_back", at=now, account_id=None, actor=actor, first=fork, end=anchored,
            result=result,
        )  # fmt: skip
        tx.events.append(back)
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
