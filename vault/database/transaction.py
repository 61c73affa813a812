"""One transaction on either database, as the services use it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Generic, TypeVar

from sqlalchemy import Connection

from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, lock_account, lock_account_and_call, lock_call
from vault.database.stores.accounts.account_objects import AccountObjectRows
from vault.database.stores.accounts.accounts import AccountLimitRows, AccountRows
from vault.database.stores.accounts.api_keys import ApiKeyRows
from vault.database.stores.accounts.clear_texts import ClearTextRows
from vault.database.stores.accounts.connection_alerts import ConnectionAlertRows
from vault.database.stores.accounts.connections import ConnectionRows
from vault.database.stores.accounts.console_sessions import ConsoleSearchRows, ConsoleSessionRows
from vault.database.stores.accounts.overview import OverviewRows
from vault.database.stores.accounts.stored_answers import StoredAnswerRows
from vault.database.stores.accounts.usage import UsageRows
from vault.database.stores.approvals import ApprovalRows, ApprovalRuleRows
from vault.database.stores.audit_log.access_events import EventRows, LogAllowanceRows
from vault.database.stores.audit_log.checkpoints import CheckpointRows
from vault.database.stores.audit_log.closing_acts import ClosingActRows
from vault.database.stores.audit_log.log_tree import TreeRows
from vault.database.stores.backup.object_store import InventoryRows, ObjectStoreRows, TombstoneRows
from vault.database.stores.backup.restore import RestoreRows
from vault.database.stores.calls.call_changes import CallChangeRows
from vault.database.stores.calls.call_facts import CallFactRows, PendingCallRows
from vault.database.stores.calls.call_metadata import CallMetadataRows
from vault.database.stores.calls.call_state import CallStateRows
from vault.database.stores.calls.deliveries import DeliveryRows
from vault.database.stores.consent.consent import ConsentRows, PauseRows, PolicyRows
from vault.database.stores.consent.notices import NoticeRows
from vault.database.stores.consent.objections import ObjectionRows
from vault.database.stores.events.endpoints import EventEndpointRows
from vault.database.stores.events.feed import EventFeedRows
from vault.database.stores.events.polls import EventPollRows
from vault.database.stores.events.replays import EventReplayRows
from vault.database.stores.handover.feed import HandoverFeedRows
from vault.database.stores.handover.handovers import HandoverRows
from vault.database.stores.handover.integrations import IntegrationRows
from vault.database.stores.key_rotation.key_rotations import RotationRows
from vault.database.stores.key_rotation.month_keys import MonthKeyRows
from vault.database.stores.moves.rows import MovingRows
from vault.database.stores.names import NameRows
from vault.database.stores.node.account_moves import AccountMoveRows
from vault.database.stores.node.due_work import DueWorkRows
from vault.database.stores.node.leases import LeaseHolderRows, SingletonLeaseRows
from vault.database.stores.node.vacuum_horizon import VacuumHorizonRows
from vault.database.stores.node.vault_metadata import MetadataRows
from vault.database.stores.outbox.attempts import AttemptRows
from vault.database.stores.outbox.claims import OutboxClaims
from vault.database.stores.outbox.messages import OutboxRows
from vault.database.stores.outbox.outcomes import OutboxOutcomes
from vault.database.stores.playback.access_hours import AccessHourRows
from vault.database.stores.playback.closing_facts import ClosingFactRows
from vault.database.stores.playback.link_keys import LinkKeyRows
from vault.database.stores.playback.links import LinkRows
from vault.database.stores.recordings.back_fills import BackFillRows
from vault.database.stores.recordings.card_data import CardDataRows
from vault.database.stores.recordings.evidence import EvidenceRows
from vault.database.stores.recordings.object_checks import ObjectCheckRows
from vault.database.stores.recordings.provider_copies import ProviderCopyRows
from vault.database.stores.recordings.recording_notes import NoteRows
from vault.database.stores.recordings.recording_pauses import RecordingPauseRows
from vault.database.stores.recordings.recording_queue import QueueRows
from vault.database.stores.recordings.recordings import RecordingRows
from vault.database.stores.registers import RegisterRows
from vault.database.stores.requests.callbacks import CallbackRows
from vault.database.stores.requests.closures import ClosureRows
from vault.database.stores.requests.packages import PackageRows
from vault.database.stores.requests.person_search import PersonSearch
from vault.database.stores.requests.requests import RequestRows
from vault.database.stores.retention.contact_ends import ContactEndRows
from vault.database.stores.retention.due_soon import DueSoonRows
from vault.database.stores.retention.holds import HoldRows, PendingErasureRows
from vault.database.stores.retention.object_locks import ObjectLockRows
from vault.database.stores.retention.previews import PreviewRows
from vault.database.stores.retention.retention_policies import RetentionRows
from vault.database.stores.sign_in.passkeys import InvitationRows, PasskeyRows
from vault.database.stores.sign_in.person_sessions import PersonSessionRows
from vault.database.stores.sign_in.provisioning import (
    ProvisionedGroupRows,
    ProvisionedUserRows,
    ProvisioningRows,
)
from vault.database.stores.sign_in.sign_in import PersonRows, SignInRows
from vault.database.stores.sign_in.step_up import StepUpRows

R = TypeVar("R")


class _Store(Generic[R]):
    """A store of a transaction, made when it is first used: a transaction uses few of them."""

    def __init__(self, rows: Callable[[Connection], R]) -> None:
        self._rows = rows

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, transaction: "Transaction", owner: type) -> R:
        """Make the store, in the place of this descriptor from now on."""
        rows = self._rows(transaction.connection)
        setattr(transaction, self._name, rows)
        return rows


class Transaction:
    """The stores of one open transaction; its writes are durable only when ``Database.write`` returns.

    Create one per transaction; do not use it afterwards.
    """

    api_keys = _Store(ApiKeyRows)
    stored_answers = _Store(StoredAnswerRows)
    console_sessions = _Store(ConsoleSessionRows)
    console_searches = _Store(ConsoleSearchRows)
    overview = _Store(OverviewRows)
    usage = _Store(UsageRows)
    names = _Store(NameRows)
    accounts = _Store(AccountRows)
    account_limits = _Store(AccountLimitRows)
    connections = _Store(ConnectionRows)
    connection_alerts = _Store(ConnectionAlertRows)
    account_objects = _Store(AccountObjectRows)
    clear_texts = _Store(ClearTextRows)

    person_sessions = _Store(PersonSessionRows)
    sign_in = _Store(SignInRows)
    people = _Store(PersonRows)
    passkeys = _Store(PasskeyRows)
    member_invitations = _Store(InvitationRows)
    provisioning = _Store(ProvisioningRows)
    provisioned_users = _Store(ProvisionedUserRows)
    provisioned_groups = _Store(ProvisionedGroupRows)
    step_ups = _Store(StepUpRows)

    approvals = _Store(ApprovalRows)
    approval_rules = _Store(ApprovalRuleRows)

    pending_calls = _Store(PendingCallRows)
    call_facts = _Store(CallFactRows)
    call_changes = _Store(CallChangeRows)
    call_metadata = _Store(CallMetadataRows)
    call_state = _Store(CallStateRows)
    deliveries = _Store(DeliveryRows)

    consents = _Store(ConsentRows)
    objections = _Store(ObjectionRows)
    pauses = _Store(PauseRows)
    policies = _Store(PolicyRows)
    notices = _Store(NoticeRows)

    evidence = _Store(EvidenceRows)
    recordings = _Store(RecordingRows)
    recording_notes = _Store(NoteRows)
    card_data = _Store(CardDataRows)
    card_data_back_fills = _Store(BackFillRows)
    recording_pauses = _Store(RecordingPauseRows)
    queue = _Store(QueueRows)
    provider_copies = _Store(ProviderCopyRows)
    object_checks = _Store(ObjectCheckRows)

    links = _Store(LinkRows)
    closing_facts = _Store(ClosingFactRows)
    access_hours = _Store(AccessHourRows)
    link_keys = _Store(LinkKeyRows)

    closing_acts = _Store(ClosingActRows)
    log_allowances = _Store(LogAllowanceRows)
    tree = _Store(TreeRows)
    checkpoints = _Store(CheckpointRows)

    holds = _Store(HoldRows)
    pending_erasures = _Store(PendingErasureRows)
    contact_ends = _Store(ContactEndRows)
    retention = _Store(RetentionRows)
    due_soon = _Store(DueSoonRows)
    previews = _Store(PreviewRows)
    object_locks = _Store(ObjectLockRows)

    requests = _Store(RequestRows)
    closures = _Store(ClosureRows)
    callbacks = _Store(CallbackRows)
    person_search = _Store(PersonSearch)
    packages = _Store(PackageRows)

    outbox = _Store(OutboxRows)
    outbox_claims = _Store(OutboxClaims)
    outbox_outcomes = _Store(OutboxOutcomes)
    outbox_attempts = _Store(AttemptRows)

    event_endpoints = _Store(EventEndpointRows)
    event_feed = _Store(EventFeedRows)
    event_polls = _Store(EventPollRows)
    event_replays = _Store(EventReplayRows)

    integrations = _Store(IntegrationRows)
    handovers = _Store(HandoverRows)
    handover_feed = _Store(HandoverFeedRows)

    registers = _Store(RegisterRows)

    rotations = _Store(RotationRows)
    month_keys = _Store(MonthKeyRows)

    tombstones = _Store(TombstoneRows)
    inventory = _Store(InventoryRows)
    restore = _Store(RestoreRows)
    object_store = _Store(ObjectStoreRows)

    account_moves = _Store(AccountMoveRows)
    moving_rows = _Store(MovingRows)
    metadata = _Store(MetadataRows)
    singleton_leases = _Store(SingletonLeaseRows)
    due_work = _Store(DueWorkRows)
    lease_holders = _Store(LeaseHolderRows)
    vacuum_horizon = _Store(VacuumHorizonRows)

    def __init__(self, connection: Connection) -> None:
        """Work on a connection inside a transaction that the caller starts and ends."""
        self.connection = connection

    @cached_property
    def events(self) -> EventRows:
        """Return the access events, whose closing acts are those of this transaction."""
        return EventRows(self.connection, self.closing_acts)

    def now(self) -> datetime:
        """Return the database's time, which leases and expiries use."""
        return database_now(self.connection)

    def wake(self, work: Work, *, after: timedelta | None = None) -> None:
        """Wake the workers for this kind of work after the commit; with ``after``, this process's worker, and then."""
        wake(self.connection, work, after=after)

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Hold the account's lock until the end of the transaction: shared for gates, exclusive for changes.

        Later statements read a state that no concurrent transaction can change.
        """
        lock_account(self.connection, account_id, exclusive=exclusive)

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Hold the call's lock until the end, taken after the account's: for answers of its parties, and for gates."""
        lock_call(self.connection, account_id, call_ref)

    def lock_account_and_call(self, account_id: str, call_ref: str) -> None:
        """Take the account's shared lock and then the call's, in one statement."""
        lock_account_and_call(self.connection, account_id, call_ref)
