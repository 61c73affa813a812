"""Restoring: a database that is old or empty becomes what the object store and the log in it say.

While it is older than the log in the object store, nothing is served (recovery mode). What has happened
since is done to it first, and the leaves that it lacks come into its tree last. So a restore that was cut
short leaves the vault in recovery mode, and the next one begins anew; every step changes nothing the
second time.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from vault.domain.access_event import AccessEvent
from vault.domain.recording import Recording
from vault.domain.replay import Replay
from vault.domain.restoring import Report, Seen, unseen
from vault.errors import NotFound, Refused, Tampered
from vault.ports.access_log import KeptCheckpoint, TreeHead
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.tlog.checkpoint import Checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier
from vault.workflows.admission import Admission
from vault.workflows.published_log import PublishedLog
from vault.workflows.restore_accounts import RestoreAccounts
from vault.workflows.restore_recordings import RestoreRecordings


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecovery:
    """Say whether the database is older than the object store, so that nothing may be served from it."""

    published_log: PublishedLog

    async def __call__(self) -> bool:
        """Raise Tampered if the two have different histories, Unavailable."""
        return await self.published_log.is_newer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Make the database equal to the object store and the log in it."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    admission: Admission
    published_log: PublishedLog
    clock: Clock

    async def __call__(self, *, actor: str, seen: Seen = unseen) -> Report:
        """Return what was restored, and what was not.

        Raises Refused where there is nothing to restore, Tampered if the log in the object store is not
        what its checkpoint says, Unavailable.
        """
        if not await self.published_log.is_newer():
            raise Refused("There is nothing to restore: the database is as new as the object store.")
        found = await self.published_log.checkpoint()
        head = await self.database.read(lambda tx: tx.tree.head())
        report, replay, digests = Report(), Replay(), list[bytes]()
        if found is not None:
            replay, digests = await self._verified(found[0], head, seen)
        accounts = RestoreAccounts(database=self.database, objects=self.objects, ring=self.ring)
        recordings = RestoreRecordings(
            database=self.database, objects=self.objects, ring=self.ring, admission=self.admission
        )
        went_off = await accounts.bring_in(replay, report, seen)
        await recordings.tombstones(report, seen)
        ids = await recordings.manifests(replay, report, seen)
        await accounts.refuse_in_flight(went_off, report)
        await accounts.fail_closed(replay, report)
        await recordings.replay(replay, report, seen)
        restricted = await recordings.without_manifest(ids, report)
        if found is not None:
            await self._append(found[0], head, digests, seen)
            note = KeptCheckpoint(size=found[0].size, note=found[1], at=self.clock())
            await self.database.write(lambda tx: tx.restored.published(note, at=self.clock()))
        report.add("leaves", replay.leaves)
        await self.database.write(lambda tx: self._note(tx, restricted, actor))
        return report

    async def _verified(
        self, checkpoint: Checkpoint, head: TreeHead, seen: Seen
    ) -> tuple[Replay, list[bytes]]:
        """Read the whole log against its checkpoint; return what the database lacks, and a digest of each file."""
        replay, frontier, digests = Replay(), Frontier(), list[bytes]()
        async for leaves in self._bundles(checkpoint.size):
            digests.append(_digest(leaves))
            for index, leaf in enumerate(leaves, frontier.size):
                if index >= head.size:
                    replay.take(leaf)
            frontier, _ = frontier.extend(leaf_hash(leaf) for leaf in leaves)
            await seen("log", frontier.size, checkpoint.size)
        if frontier.root() != checkpoint.root:
            raise Tampered(
                "The leaves in the object store are not those that the published checkpoint signs."
            )
        return replay, digests

    async def _append(
        self, checkpoint: Checkpoint, head: TreeHead, digests: Sequence[bytes], seen: Seen
    ) -> None:
        """Append the leaves that the database lacks, if they are still those that were verified."""
        number = end = 0
        async for leaves in self._bundles(checkpoint.size):
            if not hmac.compare_digest(_digest(leaves), digests[number]):
                raise Tampered("The published log was changed while it was read.")
            number, start, end = number + 1, end, end + len(leaves)
            at = max(start, head.size)
            new = leaves[at - start :]
            if new:
                await self.database.write(lambda tx, at=at, new=new: tx.restored.leaves(at, new))  # type: ignore[misc]
            await seen("leaves", end, checkpoint.size)

    async def _bundles(self, size: int) -> AsyncIterator[list[bytes]]:
        try:
            async for leaves in self.published_log.bundles(size):
                yield leaves
        except NotFound as error:
            raise Tampered("A file of the published log is missing.") from error

    def _note(self, tx: Transaction, restricted: Sequence[Recording], actor: str) -> None:
        now = tx.now()
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


def _digest(leaves: Sequence[bytes]) -> bytes:
    """Return what the leaves of one file are known by."""
    return hashlib.sha256(b"".join(leaf_hash(leaf) for leaf in leaves)).digest()
