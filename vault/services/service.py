"""The whole service on one page: everything that the vault does."""

from dataclasses import dataclass

from vault.ports.database import Database
from vault.services.accounts.accounts import FindAccount, ListAccounts, OpenAccount
from vault.services.accounts.api_keys import Authenticate, IssueKey, ListKeys, RevokeKey
from vault.services.accounts.connection_list import DeleteConnection, ReadConnections
from vault.services.accounts.connections import SetConnection
from vault.services.accounts.encrypt_clear_texts import EncryptClearTexts
from vault.services.accounts.idempotency import Idempotency
from vault.services.accounts.recording_switch import ReadSwitch, SetSwitch
from vault.services.admission.call_start_rest import Admit
from vault.services.admission.quarantine import ExpireQuarantine, RefuseQuarantined, Release
from vault.services.admission.read_evidence import ReadEvidence
from vault.services.audit_log.export import ExportLog
from vault.services.audit_log.list_events import ListEvents
from vault.services.audit_log.proofs import ExportKey, ProveEvent, ProveGrowth, ReadCheckpoint
from vault.services.audit_log.publish_tiles import PublishLog
from vault.services.audit_log.recording_history import ReadHistory
from vault.services.audit_log.sequence_and_sign import SequenceEvents, SignCheckpoint
from vault.services.backup.fsck import Fsck
from vault.services.backup.restore import Restore
from vault.services.backup.rewrite_store import CheckStore, RewriteStore
from vault.services.backup.write_account_objects import WriteAccountObjects, WriteTombstones
from vault.services.backup.write_manifests import WriteManifests
from vault.services.closing_acts.check_recovery import CheckRecovery
from vault.services.closing_acts.journal import KeepJournal
from vault.services.consent.call_documents import BuildCallDocument
from vault.services.consent.notice_audio import ReadPrompt, SetPrompt
from vault.services.consent.notices import DraftNotice, ListNotices, PublishNotice, ReadNotice, RetireNotice
from vault.services.consent.objections import EndObjection, EnterObjection, ListObjections
from vault.services.consent.policy import ReadPolicy, SetPolicy
from vault.services.consent.report_consent import Consent
from vault.services.consent.rules import ShowRules
from vault.services.ingest.delete_provider_copy import DeleteAtSource
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.idle_uploads import SettleIdleUploads
from vault.services.ingest.pause_at_provider import PauseRecordings
from vault.services.ingest.receive_webhook import Receive
from vault.services.ingest.reconcile import Reconcile
from vault.services.ingest.upload import Upload
from vault.services.key_rotation.rewrap_account import Rewrap
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.key_rotation.rotate_account_key import ReadRotations, RotateAccountKey
from vault.services.node.readiness_probe import CheckPart
from vault.services.playback.audio_stream import ResolveAudio, Stream
from vault.services.playback.close_sessions import EndSessions
from vault.services.playback.links import CreateLink, ListLinks, RevokeLink, RevokeLinks
from vault.services.playback.player_view import ShowCall
from vault.services.playback.sessions import (
    FindSession,
    GetSessionState,
    OpenLink,
    OpenMediaLink,
    PreviewLink,
    ResumeSession,
)
from vault.services.playback.waveform import ReadWaveform
from vault.services.recordings.calls import EraseCall, FindCalls, ReadCall
from vault.services.recordings.erase import Erase, RemoveErased
from vault.services.recordings.restrict import Restrict
from vault.services.recordings.search import Browse
from vault.services.recordings.sweep_orphans import Sweep
from vault.services.shared.singleton_job import SingletonJob


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vault:
    """Every service, ready to be called. Web, control socket and worker use only this object."""

    # Accounts, connections and the recording switch.
    find_account: FindAccount
    open_account: OpenAccount
    list_accounts: ListAccounts
    set_connection: SetConnection
    read_connections: ReadConnections
    delete_connection: DeleteConnection
    set_switch: SetSwitch
    read_switch: ReadSwitch
    show_rules: ShowRules
    # Notices: text, audio and publication.
    draft_notice: DraftNotice
    set_prompt: SetPrompt
    publish_notice: PublishNotice
    retire_notice: RetireNotice
    list_notices: ListNotices
    read_notice: ReadNotice
    read_prompt: ReadPrompt
    # API keys and idempotent requests.
    authenticate: Authenticate
    issue_key: IssueKey
    list_keys: ListKeys
    revoke_key: RevokeKey
    answer_once: Idempotency
    # Consent: policy, objections, call documents and reports.
    set_policy: SetPolicy
    read_policy: ReadPolicy
    enter_objection: EnterObjection
    end_objection: EndObjection
    list_objections: ListObjections
    steer: BuildCallDocument
    consent: Consent
    # From announcement or upload to the gate's decision.
    admit: Admit
    receive: Receive
    pause_recordings: PauseRecordings
    upload: Upload
    ingest: Ingest
    describe: Describe
    write_manifests: WriteManifests
    delete_at_source: DeleteAtSource
    reconcile: Reconcile
    release: Release
    refuse_quarantined: RefuseQuarantined
    expire_quarantine: ExpireQuarantine
    settle_idle_uploads: SettleIdleUploads
    # Search, links and playback.
    browse: Browse
    read_call: ReadCall
    find_calls: FindCalls
    create_link: CreateLink
    list_links: ListLinks
    revoke_link: RevokeLink
    revoke_links: RevokeLinks
    preview_link: PreviewLink
    open_link: OpenLink
    resume_session: ResumeSession
    open_media_link: OpenMediaLink
    find_session: FindSession
    get_session_state: GetSessionState
    show_call: ShowCall
    resolve_audio: ResolveAudio
    stream: Stream
    end_sessions: EndSessions
    read_waveform: ReadWaveform
    restrict: Restrict
    # Evidence of consent, and the access log with its proofs.
    read_evidence: ReadEvidence
    sequence_events: SequenceEvents
    sign_checkpoint: SignCheckpoint
    publish_log: PublishLog
    read_checkpoint: ReadCheckpoint
    list_events: ListEvents
    read_history: ReadHistory
    prove_event: ProveEvent
    prove_growth: ProveGrowth
    export_log: ExportLog
    export_key: ExportKey
    # Restoring the database from the object store, and comparing both.
    write_account_objects: WriteAccountObjects
    write_tombstones: WriteTombstones
    keep_journal: KeepJournal
    check_store: CheckStore
    rewrite_store: RewriteStore
    check_recovery: CheckRecovery
    restore: Restore
    fsck: Fsck
    # Erasure, and deletion of what is expired or orphaned.
    erase: Erase
    erase_call: EraseCall
    remove_erased: RemoveErased
    sweep: Sweep
    # Seals texts that an older release stored in clear.
    seal_words: EncryptClearTexts
    # Key rotation, and rewrapping of what older keys wrap.
    rotate_account_key: RotateAccountKey
    read_rotations: ReadRotations
    rewrap: Rewrap
    rewrap_root_key: RewrapRootKey
    # Jobs that only one node at a time runs.
    singleton_job: SingletonJob
    # Readiness.
    check_part: CheckPart
    #: Only for metrics.
    database: Database
