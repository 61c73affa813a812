"""Everything that the vault does without a request of a client."""

from dataclasses import dataclass

from vault.services.accounts.encrypt_clear_texts import EncryptClearTexts
from vault.services.accounts.usage import CountUsage
from vault.services.admission.quarantine import Quarantine
from vault.services.approvals.execute_approval import SettleApprovals
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.audit_log.send_to_collector import SendToCollector
from vault.services.audit_log.tell_checkpoints import TellCheckpoints
from vault.services.backup.restore_unnamed import RestoreUnnamed
from vault.services.backup.rewrite_store import RewriteStore
from vault.services.backup.write_account_objects import WriteAccountObjects, WriteTombstones
from vault.services.backup.write_due_manifests import WriteDueManifests
from vault.services.closing_acts.journal import KeepJournal
from vault.services.consent.index_numbers import IndexNumbers
from vault.services.events.publish_events import PublishEvents
from vault.services.handover.follow_log import FollowLog
from vault.services.handover.keep_grants import KeepGrants
from vault.services.handover.revoke_grants import RevokeGrants
from vault.services.ingest.delivery_log import DeliveryLog
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.idle_uploads import SettleIdleUploads
from vault.services.ingest.provider_requests import ProviderRequests
from vault.services.ingest.reconcile_provider import ReconcileProvider
from vault.services.ingest.watch_connections import WatchConnections
from vault.services.key_rotation.rewrap_account import Rewrap
from vault.services.moves.destroy_rest import DestroyRest
from vault.services.outbox.send_outbox import SendOutbox
from vault.services.playback.close_sessions import EndSessions
from vault.services.playback.watch_access import WatchAccess
from vault.services.recordings.pause_recordings import PauseRecordings
from vault.services.recordings.remove_erased import RemoveErased, RemoveLocked
from vault.services.recordings.run_back_fills import RunBackFills
from vault.services.recordings.sweep_orphans import Sweep
from vault.services.requests.adopt_deliveries import AdoptDeliveries
from vault.services.requests.execute_requests import ExecuteRequests
from vault.services.requests.packages import Packages
from vault.services.requests.settle_waiting import SettleWaiting
from vault.services.retention.apply_policies import ApplyPolicies
from vault.services.retention.object_locks import ReconcileLocks
from vault.services.retention.sweep_due import RetentionSweep
from vault.services.retention.tell_due_soon import TellDueSoon


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Jobs:
    """What the worker polls: the ``jobs`` of each of these (``services/shared/job.py``).

    A job runs without a request of a client. What it has to do is in the rows of the database.
    """

    #: Fetch, encrypt and store an announced recording.
    ingest: Ingest
    #: Read a stored recording back, describe it, and decide whether it becomes available.
    describe: Describe
    #: Refuse or fail uploads that were abandoned.
    settle_idle_uploads: SettleIdleUploads
    #: Delete old entries of the delivery log.
    delivery_log: DeliveryLog
    #: Compare a provider's list of recordings with the database, and announce what is missing.
    reconcile: ReconcileProvider
    #: Tell accounts which platforms send no webhooks any more.
    watch_connections: WatchConnections
    #: Ask a provider to pause a recording, or to delete its copy.
    provider_requests: ProviderRequests
    #: End pauses of recordings, and repeat what a provider did not answer.
    pause_recordings: PauseRecordings
    #: Search recordings that were there before a policy on card data.
    run_back_fills: RunBackFills
    #: Write the missing end events of sessions that are over.
    end_sessions: EndSessions
    #: Tell accounts who heard unusually many recordings.
    watch_access: WatchAccess
    #: Add up what each account uses.
    count_usage: CountUsage
    #: Sequence events into the log's tree, sign and anchor its head, publish it.
    log_publisher: LogPublisher
    #: Send the access log to the operator's SIEM.
    send_to_collector: SendToCollector
    #: Tell accounts the newest checkpoint of the log.
    tell_checkpoints: TellCheckpoints
    #: Delete the objects of erased recordings.
    remove_erased: RemoveErased
    #: Carry out the decisions on requests of people, and close them with a receipt.
    execute_requests: ExecuteRequests
    #: End requests of which something waited for a hold.
    settle_waiting_requests: SettleWaiting
    #: Carry out approvals that a crash left, and end those whose time is over.
    settle_approvals: SettleApprovals
    #: Send to others what waits in the outbox.
    send_outbox: SendOutbox
    #: Put the events that the log's entries cause into the outbox.
    publish_events: PublishEvents
    #: Refresh tokens of integrations that nobody uses, where they would die of that.
    keep_grants: KeepGrants
    revoke_grants: RevokeGrants
    #: Hand over what the log says became available, and what waits for that.
    follow_log: FollowLog
    #: Move deliveries of callbacks that an older release left into the outbox.
    adopt_deliveries: AdoptDeliveries
    #: Destroy keys and objects of accounts that moved to another vault.
    destroy_rest: DestroyRest
    #: Delete objects and rows that nothing refers to.
    sweep: Sweep
    #: Seal texts that an older release stored in clear.
    encrypt_clear_texts: EncryptClearTexts
    #: Write the keyed hashes of numbers that came without.
    index_numbers: IndexNumbers
    #: Re-encrypt the rows of an account's old key version, then destroy that version.
    rewrap: Rewrap
    #: Write recordings, accounts and tombstones to the object store, for a restore.
    write_manifests: WriteDueManifests
    write_account_objects: WriteAccountObjects
    write_tombstones: WriteTombstones
    #: Put and settle the objects of closing acts.
    keep_journal: KeepJournal
    #: Detect that the object store lost data, and write everything to it again.
    rewrite_store: RewriteStore
    #: Finish a restore that was interrupted, while the vault serves.
    restore_unnamed: RestoreUnnamed
    #: Write into rows what the retention policies say of them.
    apply_policies: ApplyPolicies
    #: Erase recordings that are due, and those whose erasure waited.
    retention_sweep: RetentionSweep
    #: Tell accounts which recordings are erased within 30 days.
    tell_due_soon: TellDueSoon
    #: Delete packages whose time is over.
    packages: Packages
    #: Refuse recordings whose quarantine is over.
    quarantine: Quarantine
    #: Lock audio in the object store as policies and holds want it.
    reconcile_locks: ReconcileLocks
    #: Delete objects of erased recordings whose locks have ended.
    remove_locked: RemoveLocked
