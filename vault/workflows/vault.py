"""The whole service on one page: everything that the vault does."""

from dataclasses import dataclass

from vault.ports.database import Database
from vault.workflows.account_objects import WriteAccountObjects, WriteTombstones
from vault.workflows.accounts import FindAccount, ListAccounts, OpenAccount
from vault.workflows.admit import Admit
from vault.workflows.answer_once import AnswerOnce
from vault.workflows.api_keys import Authenticate, IssueKey, ListKeys, RevokeKey
from vault.workflows.browse import Browse
from vault.workflows.calls import EraseCall, FindCalls, ReadCall
from vault.workflows.check_part import CheckPart
from vault.workflows.connect import SetConnection
from vault.workflows.connections import DeleteConnection, ReadConnections
from vault.workflows.consent import Consent
from vault.workflows.delete_source import DeleteAtSource
from vault.workflows.describe import Describe
from vault.workflows.end_sessions import EndSessions
from vault.workflows.erase import Erase, RemoveErased
from vault.workflows.evidence import ReadEvidence
from vault.workflows.export_log import ExportLog
from vault.workflows.fsck import Fsck
from vault.workflows.hear import ReadWaveform
from vault.workflows.history import ReadHistory
from vault.workflows.idle_uploads import SettleIdleUploads
from vault.workflows.ingest import Ingest
from vault.workflows.journal import KeepJournal
from vault.workflows.list_events import ListEvents
from vault.workflows.look import CheckRecovery
from vault.workflows.manifests import WriteManifests
from vault.workflows.notices import DraftNotice, ListNotices, PublishNotice, ReadNotice, RetireNotice
from vault.workflows.objections import EndObjection, EnterObjection, ListObjections
from vault.workflows.pause import PauseRecordings
from vault.workflows.play import AskSession, FindSession, LookAtLink, OpenLink, PlayMedia, ResumeSession
from vault.workflows.policy import ReadPolicy, SetPolicy
from vault.workflows.prompts import ReadPrompt, SetPrompt
from vault.workflows.prove import ExportKey, ProveEvent, ProveGrowth, ReadCheckpoint
from vault.workflows.publish import PublishLog
from vault.workflows.quarantine import ExpireQuarantine, RefuseQuarantined, Release
from vault.workflows.receive import Receive
from vault.workflows.reconcile import Reconcile
from vault.workflows.restore import Restore
from vault.workflows.restrict import Restrict
from vault.workflows.rewrap import Rewrap
from vault.workflows.rewrap_root import RewrapRootKey
from vault.workflows.rewrite_store import LookAtStore, RewriteStore
from vault.workflows.rotate import ReadRotations, RotateAccountKey
from vault.workflows.rules import ShowRules
from vault.workflows.seal_words import SealWords
from vault.workflows.sequence import SequenceEvents, SignCheckpoint
from vault.workflows.share import CreateLink, ListLinks, RevokeLink, RevokeLinks
from vault.workflows.show_call import ShowCall
from vault.workflows.steer import Steer
from vault.workflows.stream import FindSound, Stream
from vault.workflows.sweep import Sweep
from vault.workflows.switch import ReadSwitch, SetSwitch
from vault.workflows.turns import TakeTurn
from vault.workflows.upload import Upload


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vault:
    """Every verb, ready to be called. The front doors know this and nothing behind it."""

    # An account is opened, connected to its platform, and switched.
    find_account: FindAccount
    open_account: OpenAccount
    list_accounts: ListAccounts
    set_connection: SetConnection
    read_connections: ReadConnections
    delete_connection: DeleteConnection
    set_switch: SetSwitch
    read_switch: ReadSwitch
    show_rules: ShowRules
    # What parties are told of a recording is drafted, given a voice, and published.
    draft_notice: DraftNotice
    set_prompt: SetPrompt
    publish_notice: PublishNotice
    retire_notice: RetireNotice
    list_notices: ListNotices
    read_notice: ReadNotice
    read_prompt: ReadPrompt
    # Somebody with a key acts for it.
    authenticate: Authenticate
    issue_key: IssueKey
    list_keys: ListKeys
    revoke_key: RevokeKey
    answer_once: AnswerOnce
    # What its parties are told and answer, and what the account makes of it.
    set_policy: SetPolicy
    read_policy: ReadPolicy
    enter_objection: EnterObjection
    end_objection: EndObjection
    list_objections: ListObjections
    steer: Steer
    consent: Consent
    # A call is announced, comes in, and is let through the gate.
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
    # It is found, shared and heard.
    browse: Browse
    read_call: ReadCall
    find_calls: FindCalls
    create_link: CreateLink
    list_links: ListLinks
    revoke_link: RevokeLink
    revoke_links: RevokeLinks
    look_at_link: LookAtLink
    open_link: OpenLink
    resume_session: ResumeSession
    play_media: PlayMedia
    find_session: FindSession
    ask_session: AskSession
    show_call: ShowCall
    find_sound: FindSound
    stream: Stream
    end_sessions: EndSessions
    read_waveform: ReadWaveform
    restrict: Restrict
    # Who heard it, and on what ground it was recorded, can be proved.
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
    # A database can be made whole from the object store, and compared with it.
    write_account_objects: WriteAccountObjects
    write_tombstones: WriteTombstones
    keep_journal: KeepJournal
    look_at_store: LookAtStore
    rewrite_store: RewriteStore
    check_recovery: CheckRecovery
    restore: Restore
    fsck: Fsck
    # And a recording leaves.
    erase: Erase
    erase_call: EraseCall
    remove_erased: RemoveErased
    sweep: Sweep
    # What an older release kept in clear is sealed.
    seal_words: SealWords
    # Keys of accounts are rotated, and what lay under the ones before is wrapped anew.
    rotate_account_key: RotateAccountKey
    read_rotations: ReadRotations
    rewrap: Rewrap
    rewrap_root_key: RewrapRootKey
    # What all nodes together do once.
    take_turn: TakeTurn
    # Whether it can do its work.
    check_part: CheckPart
    #: For metrics alone.
    database: Database
