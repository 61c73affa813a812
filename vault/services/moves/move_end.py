"""What a move of an account uses of either vault."""

import asyncio
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.domain.playback.own_token import TokenKey
from vault.domain.public_urls import PublicUrls
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.backup.write_account_objects import WriteAccountObjects, WriteTombstones
from vault.services.backup.write_due_manifests import WriteDueManifests
from vault.services.events.publish_events import PublishEvents
from vault.services.handover.follow_log import FollowLog
from vault.services.shared.move_objects import MoveObjects
from vault.services.shared.peer_keys import Peer
from vault.services.shared.people_keys import identity_key
from vault.services.shared.singleton_job import SingletonJobs
from vault.tlog.note import Signer

#: Entries of the log that one transaction takes into its tree.
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MoveEnd:
    """One of the two vaults."""

    database: Database
    objects: ObjectStore
    root_key: RootKey
    signer: Signer
    urls: PublicUrls
    move_objects: MoveObjects
    log: LogPublisher
    #: What reads the log, and has effects on the rows of accounts.
    events: PublishEvents
    handovers: FollowLog
    singleton_jobs: SingletonJobs
    manifests: WriteDueManifests
    account_objects: WriteAccountObjects
    tombstones: WriteTombstones
    #: The label of its region; None for a vault that has none.
    region: str | None

    @property
    def as_peer(self) -> Peer:
        """Return this vault with the keys that the other one needs for what was given out here."""
        secret = self.signer.secret
        return Peer(
            url=self.urls.public_url, key=TokenKey.derived_from(secret), identity_key=identity_key(secret)
        )

    async def read_log(self) -> None:
        """Let the entries of the log have their effects on the rows of accounts. Raises Unavailable."""
        await self.log.sequence()
        await self.events.look()
        await self.handovers.look()

    async def store(self, account_id: str) -> None:
        """Write what a restore needs of an account to the object store, and see it written. Raises Unavailable."""
        writers = (self.manifests, self.account_objects, self.tombstones)
        jobs = [job for writer in writers for job in writer.jobs()]
        while not await self.database.read(lambda tx: tx.object_store.is_written(account_id)):
            worked = [await self.singleton_jobs.run_if_due(job) for job in jobs]
            if not any(worked):
                # A worker of this vault holds the lease, and does it.
                await asyncio.sleep(0.1)
        await self.head()
        await self.log.anchor.extend()

    async def head(self) -> tuple[int, bytes]:
        """Return size and root of the log once nothing waits any more that was written before. Raises Unavailable."""
        while await self.database.read(lambda tx: tx.tree.waiting()):
            if not await self.database.write(lambda tx: tx.tree.sequence(limit=_BATCH)):
                await asyncio.sleep(0.05)
        head = await self.database.read(lambda tx: tx.tree.head())
        return head.size, head.root
