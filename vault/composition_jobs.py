"""Build the jobs of the worker and of the operator from their parts."""

from datetime import timedelta

from vault.composition_parts import Adapters, Parts
from vault.composition_requests import build_execute_requests
from vault.composition_rights import build_open_callback
from vault.services.accounts.encrypt_clear_texts import EncryptClearTexts
from vault.services.approvals.execute import SettleApprovals
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.backup.fsck import Fsck
from vault.services.backup.request_objects import RequestObjects
from vault.services.backup.restore import Restore
from vault.services.backup.restore_recordings import RestoreRecordings
from vault.services.backup.restore_unnamed import RestoreUnnamed
from vault.services.backup.rewrite_store import RewriteStore
from vault.services.backup.write_account_objects import WriteAccountObjects, WriteTombstones
from vault.services.backup.write_due_manifests import WriteDueManifests
from vault.services.closing_acts.journal import KeepJournal
from vault.services.consent.index_numbers import IndexNumbers
from vault.services.ingest.admit_recording import AdmitRecording
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.describe_audio import DescribeAudio
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.first_manifest import FirstManifest
from vault.services.ingest.idle_uploads import SettleIdleUploads
from vault.services.ingest.provider_requests import ProviderRequests
from vault.services.ingest.reconcile_provider import ReconcileProvider
from vault.services.key_rotation.rewrap_account import Rewrap
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.playback.close_sessions import EndSessions
from vault.services.recordings.remove_erased import RemoveErased
from vault.services.recordings.remove_locked import RemoveLocked
from vault.services.recordings.sweep_orphans import Sweep
from vault.services.requests.send_callbacks import SendCallbacks
from vault.services.retention.apply_policies import ApplyPolicies
from vault.services.retention.erase_pending_calls import ErasePendingCalls
from vault.services.retention.object_locks import ReconcileLocks
from vault.services.retention.retention_clock import RetentionClock
from vault.services.retention.sweep_due import RetentionSweep
from vault.services.service import Jobs
from vault.services.shared.singleton_job import SingletonJobs
from vault.settings import Settings
from vault.tracing import traced


def build_jobs(
    settings: Settings, adapters: Adapters, parts: Parts, settle_approvals: SettleApprovals
) -> Jobs:
    """Build every job."""
    return Jobs(
        ingest=_ingest(adapters, parts),
        describe=_describe(adapters, parts),
        settle_idle_uploads=_settle_idle_uploads(parts),
        reconcile=_reconcile(adapters, parts),
        provider_requests=_provider_requests(adapters, parts),
        end_sessions=traced(EndSessions)(database=parts.database, clock=adapters.clock),
        log_publisher=_log_publisher(settings, adapters, parts),
        remove_erased=traced(RemoveErased)(database=parts.database, objects=adapters.objects),
        execute_requests=build_execute_requests(settings, adapters, parts),
        send_callbacks=_send_callbacks(adapters, parts),
        settle_approvals=settle_approvals,
        sweep=_sweep(settings, adapters, parts),
        encrypt_clear_texts=_encrypt_clear_texts(adapters, parts),
        index_numbers=_index_numbers(adapters, parts),
        rewrap=_rewrap(adapters, parts),
        rewrap_root_key=_rewrap_root_key(adapters, parts),
        write_manifests=traced(WriteDueManifests)(database=parts.database, objects=adapters.objects),
        write_account_objects=_write_account_objects(adapters, parts),
        write_tombstones=traced(WriteTombstones)(database=parts.database, objects=adapters.objects),
        keep_journal=_keep_journal(adapters, parts),
        rewrite_store=_rewrite_store(adapters, parts),
        restore=_restore(adapters, parts),
        fsck=_fsck(adapters, parts),
        apply_policies=traced(ApplyPolicies)(
            database=parts.database, data_keys=parts.data_keys, compute=parts.compute_terms
        ),
        retention_sweep=_retention_sweep(adapters, parts),
        reconcile_locks=traced(ReconcileLocks)(database=parts.database, objects=adapters.objects),
        remove_locked=traced(RemoveLocked)(database=parts.database, objects=adapters.objects),
        singleton=traced(SingletonJobs)(database=parts.database),
    )


def _ingest(adapters: Adapters, parts: Parts) -> Ingest:
    return traced(Ingest)(
        database=parts.database,
        ring=adapters.ring,
        fetcher=adapters.fetcher,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        admission=parts.admission,
        attempt=parts.attempt,
        admit=_admit(adapters, parts),
        rest=adapters.rest,
        clock=adapters.clock,
    )


def _describe(adapters: Adapters, parts: Parts) -> Describe:
    return traced(Describe)(database=parts.database, ring=adapters.ring, admit=_admit(adapters, parts))


def _admit(adapters: Adapters, parts: Parts) -> AdmitRecording:
    return traced(AdmitRecording)(
        database=parts.database,
        ring=adapters.ring,
        objects=adapters.objects,
        admission=parts.admission,
        describe=traced(DescribeAudio)(
            objects=adapters.objects, describer=adapters.describer, threads=adapters.threads
        ),
        first_manifest=FirstManifest(database=parts.database, objects=adapters.objects),
    )


def _settle_idle_uploads(parts: Parts) -> SettleIdleUploads:
    return traced(SettleIdleUploads)(database=parts.database, admission=parts.admission)


def _reconcile(adapters: Adapters, parts: Parts) -> ReconcileProvider:
    return traced(ReconcileProvider)(
        database=parts.database,
        rest=adapters.rest,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        announce=parts.announce,
        clock=adapters.clock,
    )


def _provider_requests(adapters: Adapters, parts: Parts) -> ProviderRequests:
    return traced(ProviderRequests)(
        database=parts.database,
        rest=adapters.rest,
        providers=adapters.providers,
        connection_cache=parts.connection_cache,
        clock=adapters.clock,
    )


def _log_publisher(settings: Settings, adapters: Adapters, parts: Parts) -> LogPublisher:
    return traced(LogPublisher)(
        database=parts.database,
        anchor=parts.anchor,
        publication=parts.publication,
        clock=adapters.clock,
        sign_interval=timedelta(seconds=settings.anchor_seconds),
    )


def _sweep(settings: Settings, adapters: Adapters, parts: Parts) -> Sweep:
    return traced(Sweep)(
        database=parts.database,
        objects=adapters.objects,
        clock=adapters.clock,
        scan_objects=settings.scan_objects,
    )


def _encrypt_clear_texts(adapters: Adapters, parts: Parts) -> EncryptClearTexts:
    return traced(EncryptClearTexts)(
        database=parts.database, objects=adapters.objects, data_keys=parts.data_keys
    )


def _send_callbacks(adapters: Adapters, parts: Parts) -> SendCallbacks:
    return traced(SendCallbacks)(
        database=parts.database,
        open_callback=build_open_callback(parts),
        rest=adapters.rest,
        clock=adapters.clock,
    )


def _index_numbers(adapters: Adapters, parts: Parts) -> IndexNumbers:
    return traced(IndexNumbers)(
        database=parts.database, ring=adapters.ring, objection_list=parts.objection_list
    )


def _rewrap(adapters: Adapters, parts: Parts) -> Rewrap:
    return traced(Rewrap)(
        database=parts.database, ring=adapters.ring, signer=adapters.signer, threads=adapters.threads
    )


def _rewrap_root_key(adapters: Adapters, parts: Parts) -> RewrapRootKey:
    return traced(RewrapRootKey)(
        database=parts.database,
        objects=adapters.objects,
        signer=adapters.signer,
        current_root_key=adapters.current_root_key or adapters.root_key,
        previous_root_key=adapters.previous_root_key,
    )


def _write_account_objects(adapters: Adapters, parts: Parts) -> WriteAccountObjects:
    requests = RequestObjects(database=parts.database, objects=adapters.objects, ring=adapters.ring)
    return traced(WriteAccountObjects)(
        database=parts.database, objects=adapters.objects, ring=adapters.ring, requests=requests
    )


def _keep_journal(adapters: Adapters, parts: Parts) -> KeepJournal:
    return traced(KeepJournal)(
        database=parts.database, objects=adapters.objects, journal=parts.journal, clock=adapters.clock
    )


def _rewrite_store(adapters: Adapters, parts: Parts) -> RewriteStore:
    return traced(RewriteStore)(
        database=parts.database, objects=adapters.objects, published_log=parts.published_log
    )


def _restore(adapters: Adapters, parts: Parts) -> Restore:
    return traced(Restore)(
        database=parts.database,
        objects=adapters.objects,
        ring=adapters.ring,
        admission=parts.admission,
        published_log=parts.published_log,
        journal=parts.journal,
        anchor=parts.anchor,
        clock=adapters.clock,
        unnamed=_restore_unnamed(adapters, parts),
    )


def _restore_unnamed(adapters: Adapters, parts: Parts) -> RestoreUnnamed:
    recordings = RestoreRecordings(
        database=parts.database, objects=adapters.objects, ring=adapters.ring, admission=parts.admission
    )
    return traced(RestoreUnnamed)(database=parts.database, objects=adapters.objects, recordings=recordings)


def _retention_sweep(adapters: Adapters, parts: Parts) -> RetentionSweep:
    clock = RetentionClock(database=parts.database, objects=adapters.objects, clock=adapters.clock)
    calls = ErasePendingCalls(database=parts.database, admission=parts.admission)
    return traced(RetentionSweep)(database=parts.database, clock=clock, erase_pending_calls=calls)


def _fsck(adapters: Adapters, parts: Parts) -> Fsck:
    return traced(Fsck)(
        database=parts.database,
        objects=adapters.objects,
        ring=adapters.ring,
        published_log=parts.published_log,
        clock=adapters.clock,
    )
