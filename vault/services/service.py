"""The whole service on one page: everything that the vault does."""

from dataclasses import dataclass

from vault.database.interface import Database
from vault.services.accounts.accounts import Accounts, Limits
from vault.services.accounts.api_keys import ApiKeys
from vault.services.accounts.connections import Connections
from vault.services.accounts.console_sessions import ConsoleSearches, ConsoleSessions
from vault.services.accounts.encrypt_clear_texts import EncryptClearTexts
from vault.services.accounts.idempotency import Idempotency
from vault.services.accounts.overview import Overview
from vault.services.accounts.switch_settings import SwitchSettings
from vault.services.admission.quarantine import Quarantine
from vault.services.approvals.approvals import Approvals
from vault.services.approvals.execute import SettleApprovals
from vault.services.approvals.rules import ApprovalRules
from vault.services.audit_log.access_log import AccessLog
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.audit_log.proofs import LogProofs
from vault.services.backup.fsck import Fsck
from vault.services.backup.restore import Restore
from vault.services.backup.restore_unnamed import RestoreUnnamed
from vault.services.backup.rewrite_store import RewriteStore
from vault.services.backup.write_account_objects import WriteAccountObjects, WriteTombstones
from vault.services.backup.write_due_manifests import WriteDueManifests
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.services.closing_acts.journal import KeepJournal
from vault.services.consent.call_documents import CallDocuments
from vault.services.consent.consent_records import ConsentRecords
from vault.services.consent.index_numbers import IndexNumbers
from vault.services.consent.notices import Notices
from vault.services.consent.objections import Objections
from vault.services.consent.policy import Policies
from vault.services.consent.show_rules import Rules
from vault.services.ingest.describe_and_admit import Describe
from vault.services.ingest.fetch_recording import Ingest
from vault.services.ingest.idle_uploads import SettleIdleUploads
from vault.services.ingest.provider_requests import ProviderRequests
from vault.services.ingest.receive_webhook import Webhooks
from vault.services.ingest.reconcile_provider import ReconcileProvider
from vault.services.ingest.retry_recording import RetryRecording
from vault.services.ingest.upload import Uploads
from vault.services.key_rotation.rewrap_account import Rewrap
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.node.readiness_probe import Outages, ReadinessProbe
from vault.services.outbox.send_outbox import SendOutbox
from vault.services.playback.audio_stream import AudioStreams
from vault.services.playback.check_link import CheckLink
from vault.services.playback.close_sessions import EndSessions
from vault.services.playback.doorways import Doorways
from vault.services.playback.link_cuts import LinkCuts
from vault.services.playback.link_keys import LinkKeys
from vault.services.playback.links import Links
from vault.services.playback.notes import FormerNotes, OwnNotes
from vault.services.playback.open_links import OpenLinks
from vault.services.playback.player_view import Player
from vault.services.recordings.calls import Calls
from vault.services.recordings.recordings import Recordings
from vault.services.recordings.remove_erased import RemoveErased, RemoveLocked
from vault.services.recordings.sweep_orphans import Sweep
from vault.services.registers.authority_requests import AuthorityRequests
from vault.services.registers.disclosures import Disclosures
from vault.services.registers.processing_records import ProcessingRecords
from vault.services.registers.recipients import Recipients
from vault.services.requests.adopt_deliveries import AdoptDeliveries
from vault.services.requests.callbacks import Callbacks
from vault.services.requests.closures import Closures
from vault.services.requests.execute import ExecuteRequests
from vault.services.requests.packages import Packages
from vault.services.requests.receipts import Receipts
from vault.services.requests.requests import Requests
from vault.services.retention.apply_policies import ApplyPolicies
from vault.services.retention.contact_ends import ContactEnds
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.holds import Holds
from vault.services.retention.object_locks import ReconcileLocks
from vault.services.retention.preview_policy import PreviewPolicy
from vault.services.retention.recording_retention import ShowRetention
from vault.services.retention.retention_policy import RetentionSettings
from vault.services.retention.sweep_due import RetentionSweep
from vault.services.shared.singleton_job import SingletonJobs
from vault.services.sign_in.members import Members
from vault.services.sign_in.sign_in import SignIn
from vault.services.sign_in.sign_in_connections import SignInConnections


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
    #: Compare a provider's list of recordings with the database, and announce what is missing.
    reconcile: ReconcileProvider
    #: Ask a provider to pause a recording, or to delete its copy.
    provider_requests: ProviderRequests
    #: Write the missing end events of sessions that are over.
    end_sessions: EndSessions
    #: Sequence events into the log's tree, sign and anchor its head, publish it.
    log_publisher: LogPublisher
    #: Delete the objects of erased recordings.
    remove_erased: RemoveErased
    #: Carry out the decisions on requests of people, and close them with a receipt.
    execute_requests: ExecuteRequests
    #: Carry out approvals that a crash left, and end those whose time is over.
    settle_approvals: SettleApprovals
    #: Send to others what waits in the outbox.
    send_outbox: SendOutbox
    #: Move deliveries of callbacks that an older release left into the outbox.
    adopt_deliveries: AdoptDeliveries
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
    #: Delete packages whose time is over.
    packages: Packages
    #: Refuse recordings whose quarantine is over.
    quarantine: Quarantine
    #: Lock audio in the object store as policies and holds want it.
    reconcile_locks: ReconcileLocks
    #: Delete objects of erased recordings whose locks have ended.
    remove_locked: RemoveLocked


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vault:
    """Every service, ready to be called. Web, control socket and worker use only this object."""

    #: Find, list, open and change accounts.
    accounts: Accounts
    #: Create, check, list and revoke API keys.
    api_keys: ApiKeys
    #: Sign people in to the console; find, list and end their sessions.
    console_sessions: ConsoleSessions
    #: Store searches of the console, for some minutes.
    console_searches: ConsoleSearches
    #: Sign people in at their account's provider, and end their sessions when it says so.
    sign_in: SignIn
    #: Connect an account to sign-in providers; map values of a claim to roles.
    sign_in_connections: SignInConnections
    #: List, remove and readmit the people who signed in.
    members: Members
    #: Count what the overview of an account shows.
    overview: Overview
    #: Answer a repeated request with the first response.
    idempotency: Idempotency
    #: Connect an account to telephony platforms; list, show and delete its connections.
    connections: Connections
    #: Set the recording switch of an account; read it and its history.
    recording_switch: SwitchSettings
    #: Show the shipped recording rules by place.
    rules: Rules
    #: Read and set the consent policy of an account.
    consent_policy: Policies
    #: Draft, publish, retire and read notices and their audio.
    notices: Notices
    #: Enter, end and list the phone numbers that must not be recorded.
    objections: Objections
    #: Store consent that the platform reports; read the evidence of a recording.
    consent: ConsentRecords
    #: Tell a platform, step by step, what to play and whether to record.
    call_documents: CallDocuments
    #: Answer at call start; read, find and erase calls.
    calls: Calls
    #: Receive the webhooks of telephony platforms.
    webhooks: Webhooks
    #: Receive recordings that a client uploads.
    uploads: Uploads
    #: Fetch a recording again that has not arrived.
    retry_recording: RetryRecording
    #: Read, list, restrict and erase recordings.
    recordings: Recordings
    #: Place and show holds, under which no path erases anything.
    holds: Holds
    #: Preview and ask for releases of holds.
    hold_releases: HoldReleases
    #: Ask for acts that need a second person; list, approve and veto them.
    approvals: Approvals
    #: Read and set the rule that says which acts need one.
    approval_rules: ApprovalRules
    #: Read and set the retention policy of an account, and its history.
    retention: RetentionSettings
    #: Tell what a retention policy would do.
    preview_retention: PreviewPolicy
    #: Say that the contact with a person has ended, from which periods count, or take it back.
    contact_ends: ContactEnds
    #: Tell why a recording is still here.
    show_retention: ShowRetention
    #: Receive and decide requests of people about their data.
    requests: Requests
    #: Return the receipts of closed requests.
    receipts: Receipts
    #: Download the packages that answer requests for access.
    packages: Packages
    #: Set, show and delete the URL that receives changes of requests.
    callbacks: Callbacks
    #: Close an account: ask, take back, show.
    closures: Closures
    #: Release or refuse recordings that lack evidence of consent.
    quarantine: Quarantine
    #: Create, list and revoke time-limited links to recordings.
    links: Links
    #: Register, show and delete the public keys by which customers sign links.
    link_keys: LinkKeys
    #: Refuse links minted before a time; list such cuts.
    link_cuts: LinkCuts
    #: Say to an account why a link that it signed is refused.
    check_link: CheckLink
    #: Make and read the addresses of recordings that open nothing by themselves.
    doorways: Doorways
    #: Open links, and find, check and resume the sessions that they open.
    open_links: OpenLinks
    #: Find the playable audio of a recording, and stream it.
    audio: AudioStreams
    #: Show the call details and the waveform to a listener.
    player: Player
    #: Make, list, change and delete a listener's own notes and bookmarks on a recording.
    own_notes: OwnNotes
    #: Read the notes of listeners who cannot sign in any more.
    former_notes: FormerNotes
    #: List access events; tell the history of a recording.
    access_log: AccessLog
    #: Checkpoints, proofs and exports for auditors.
    log_proofs: LogProofs
    #: Generate the record of processing; show the privacy page for callers.
    processing_records: ProcessingRecords
    #: Enter, change, end and list the recipients of an account.
    recipients: Recipients
    #: List who got which recording.
    disclosures: Disclosures
    #: Enter, answer, list and count requests of authorities.
    authority_requests: AuthorityRequests
    #: Rotate an account's key; show the progress and the signed statements.
    key_rotation: KeyRotations
    #: Tell whether the database is behind the object store.
    recovery: RecoveryCheck
    #: Check the parts that a node needs.
    readiness: ReadinessProbe
    #: Read and set the limits of an account; its limiter refuses what is over them.
    limits: Limits
    #: Tell whether work that needs a part has to pause.
    outages: Outages
    #: Restore the database from the object store.
    restore: Restore
    #: Compare database and object store, and report what differs.
    fsck: Fsck
    #: Rewrap every key under a new root key.
    rewrap_root_key: RewrapRootKey
    #: What runs without a request.
    jobs: Jobs
    #: Run work on one node at a time.
    singleton_jobs: SingletonJobs
    #: Only for metrics.
    database: Database
