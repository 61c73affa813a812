"""The whole service on one page: everything that the vault does."""

from dataclasses import dataclass

from vault.database.interface import Database
from vault.services.accounts.accounts import Accounts, Limits
from vault.services.accounts.api_keys import ApiKeys
from vault.services.accounts.connections import Connections
from vault.services.accounts.console_sessions import ConsoleSearches, ConsoleSessions
from vault.services.accounts.idempotency import Idempotency
from vault.services.accounts.overview import Overview
from vault.services.accounts.switch_settings import SwitchSettings
from vault.services.accounts.usage import Usage
from vault.services.admission.quarantine import Quarantine
from vault.services.approvals.approvals import Approvals
from vault.services.approvals.rules import ApprovalRules
from vault.services.audit_log.access_log import AccessLog
from vault.services.audit_log.proofs import LogProofs
from vault.services.backup.fsck import Fsck
from vault.services.backup.restore import Restore
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.services.consent.call_documents import CallDocuments
from vault.services.consent.consent_records import ConsentRecords
from vault.services.consent.notices import Notices
from vault.services.consent.objections import Objections
from vault.services.consent.policy import Policies
from vault.services.consent.show_rules import Rules
from vault.services.events.deliveries import EventDeliveries
from vault.services.events.endpoints import EventEndpoints
from vault.services.events.poll_events import PollEvents
from vault.services.handover.services import HandoverServices
from vault.services.ingest.delivery_log import DeliveryLog
from vault.services.ingest.receive_webhook import Webhooks
from vault.services.ingest.retry_recording import RetryRecording
from vault.services.ingest.upload import Uploads
from vault.services.jobs import Jobs
from vault.services.key_rotation.rewrap_root_key import RewrapRootKey
from vault.services.key_rotation.rotate_account_key import KeyRotations
from vault.services.moves.account_moves import AccountMoves
from vault.services.names import Names
from vault.services.node.old_addresses import OldAddresses
from vault.services.node.readiness_probe import Outages, ReadinessProbe
from vault.services.playback.audio_stream import AudioStreams
from vault.services.playback.doorways import Doorways
from vault.services.playback.explain_link import ExplainLink
from vault.services.playback.link_cuts import LinkCuts
from vault.services.playback.link_keys import LinkKeys
from vault.services.playback.links import Links
from vault.services.playback.notes import FormerNotes, OwnNotes
from vault.services.playback.open_links import OpenLinks
from vault.services.playback.player_view import Player
from vault.services.recordings.calls import Calls
from vault.services.recordings.recordings import Recordings
from vault.services.registers.authority_requests import AuthorityRequests
from vault.services.registers.disclosures import Disclosures
from vault.services.registers.processing_records import ProcessingRecords
from vault.services.registers.recipients import Recipients
from vault.services.requests.callbacks import Callbacks
from vault.services.requests.closures import Closures
from vault.services.requests.packages import Packages
from vault.services.requests.receipts import Receipts
from vault.services.requests.requests import Requests
from vault.services.retention.contact_ends import ContactEnds
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.holds import Holds
from vault.services.retention.preview_policy import PreviewPolicy
from vault.services.retention.recording_retention import ShowRetention
from vault.services.retention.retention_policy import RetentionSettings
from vault.services.shared.singleton_job import SingletonJobs
from vault.services.sign_in.invitations import Invitations
from vault.services.sign_in.invited_people import InvitedPeople
from vault.services.sign_in.members import Members
from vault.services.sign_in.own_passkeys import OwnPasskeys
from vault.services.sign_in.passkeys import Passkeys
from vault.services.sign_in.provisioning import Provisionings
from vault.services.sign_in.sign_in import SignIn
from vault.services.sign_in.sign_in_connections import SignInConnections
from vault.services.sign_in.step_up import StepUps


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccountServices:
    """Accounts, who may use them, and their settings."""

    accounts: Accounts
    api_keys: ApiKeys
    #: Sign people in to the console; find, list and end their sessions; store their searches.
    console_sessions: ConsoleSessions
    console_searches: ConsoleSearches
    #: Count what the overview of an account shows, and what the account uses.
    overview: Overview
    usage: Usage
    idempotency: Idempotency
    #: Connect an account to telephony platforms; list, show and delete its connections.
    connections: Connections
    switch: SwitchSettings
    #: Read and set the limits of an account; its limiter refuses what is over them.
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignInServices:
    """Sign-in of people: at the provider of an account, or by passkeys."""

    #: Sign people in at their account's provider, and end their sessions when it says so.
    sign_in: SignIn
    #: Connect an account to sign-in providers; map values of a claim to roles.
    connections: SignInConnections
    #: List, remove and readmit the people who signed in or were invited.
    members: Members
    step_up: StepUps
    invited_people: InvitedPeople
    #: Give invited people addresses for passkeys, and revoke them.
    invitations: Invitations
    passkeys: Passkeys
    own_passkeys: OwnPasskeys
    provisioning: Provisionings


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsentServices:
    """What was said to people who are recorded, and what they said."""

    rules: Rules
    policy: Policies
    #: Draft, publish, retire and read notices and their audio.
    notices: Notices
    #: Enter, end and list the phone numbers that must not be recorded.
    objections: Objections
    #: Store consent that the platform reports; read the evidence of a recording.
    records: ConsentRecords
    #: Tell a platform, step by step, what to play and whether to record.
    call_documents: CallDocuments


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IngestServices:
    """How recordings come in."""

    webhooks: Webhooks
    #: Note and list what was answered to the webhooks of each connection.
    deliveries: DeliveryLog
    uploads: Uploads
    retry: RetryRecording


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RecordingServices:
    """Recordings, and the calls that they are of."""

    #: Read, list, restrict and erase recordings; remove spans of their audio.
    recordings: Recordings
    #: Answer at call start; read, find and erase calls.
    calls: Calls
    #: Release or refuse recordings that lack evidence of consent.
    quarantine: Quarantine


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlaybackServices:
    """How recordings are heard."""

    links: Links
    #: Register, show and delete the public keys by which customers sign links.
    link_keys: LinkKeys
    #: Refuse links minted before a time; list such cuts.
    link_cuts: LinkCuts
    explain_link: ExplainLink
    #: Make and read the addresses of recordings that open nothing by themselves.
    doorways: Doorways
    #: Open links; find, check and resume their sessions.
    open_links: OpenLinks
    audio: AudioStreams
    #: Show the call details and the waveform to a listener.
    player: Player
    #: Make, list, change and delete a listener's own notes and bookmarks on a recording.
    own_notes: OwnNotes
    #: Read the notes of listeners who cannot sign in any more.
    former_notes: FormerNotes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RetentionServices:
    """How long recordings stay."""

    #: Read and set the retention policy of an account, and its history.
    policy: RetentionSettings
    preview: PreviewPolicy
    #: Say that the contact with a person has ended, from which periods count, or take it back.
    contact_ends: ContactEnds
    recordings: ShowRetention
    #: Place and show holds, under which no path erases anything.
    holds: Holds
    hold_releases: HoldReleases


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApprovalServices:
    """Acts that need a second person."""

    #: Ask for acts that need a second person; list, approve and veto them.
    approvals: Approvals
    rules: ApprovalRules


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RequestServices:
    """Requests of people about their data, and of closing an account."""

    requests: Requests
    receipts: Receipts
    #: Download the packages that answer requests for access.
    packages: Packages
    callbacks: Callbacks
    closures: Closures


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventServices:
    """Events for other systems."""

    #: Make, show, change and delete the endpoints of an account that receive events.
    endpoints: EventEndpoints
    poll: PollEvents
    #: List the attempts at an endpoint; send it events of the last 30 days again, or a test.
    deliveries: EventDeliveries


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RegisterServices:
    """What an account writes down about its recordings."""

    processing_records: ProcessingRecords
    recipients: Recipients
    disclosures: Disclosures
    #: Enter, answer, list and count requests of authorities.
    authority_requests: AuthorityRequests


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LogServices:
    """The access log."""

    #: List access events; tell the history of a recording.
    access_log: AccessLog
    #: Checkpoints, proofs and exports for auditors.
    proofs: LogProofs


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyServices:
    """Keys and their rotation."""

    rotations: KeyRotations
    rewrap_root_key: RewrapRootKey


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BackupServices:
    """Database and object store, from each other."""

    restore: Restore
    fsck: Fsck


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodeServices:
    """Whether a node can work."""

    recovery: RecoveryCheck
    readiness: ReadinessProbe
    outages: Outages
    old_addresses: OldAddresses


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vault:
    """Every service, ready to be called, by subject. Web, control socket and worker use only this object."""

    accounts: AccountServices
    sign_in: SignInServices
    consent: ConsentServices
    ingest: IngestServices
    recordings: RecordingServices
    playback: PlaybackServices
    retention: RetentionServices
    approvals: ApprovalServices
    requests: RequestServices
    events: EventServices
    handover: HandoverServices
    registers: RegisterServices
    audit_log: LogServices
    key_rotation: KeyServices
    backup: BackupServices
    moves: AccountMoves
    node: NodeServices
    names: Names
    jobs: Jobs
    singleton_jobs: SingletonJobs
    database: Database
