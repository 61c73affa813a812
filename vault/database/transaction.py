"""One transaction on either database, as the services use it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, lock_account, lock_account_and_call, lock_call
from vault.database.stores.accounts.account_limits import AccountLimitRows
from vault.database.stores.accounts.account_objects import AccountObjectRows
from vault.database.stores.accounts.accounts import AccountRows
from vault.database.stores.accounts.api_keys import ApiKeyRows
from vault.database.stores.accounts.clear_texts import ClearTextRows
from vault.database.stores.accounts.connections import ConnectionRows
from vault.database.stores.accounts.console_sessions import ConsoleSearchRows, ConsoleSessionRows
from vault.database.stores.accounts.overview import OverviewRows
from vault.database.stores.accounts.stored_answers import StoredAnswerRows
from vault.database.stores.approvals import ApprovalRows, ApprovalRuleRows
from vault.database.stores.audit_log.access_events import EventRows
from vault.database.stores.audit_log.checkpoints import CheckpointRows
from vault.database.stores.audit_log.closing_acts import ClosingRows
from vault.database.stores.audit_log.log_allowances import LogAllowanceRows
from vault.database.stores.audit_log.log_tree import TreeRows
from vault.database.stores.backup.inventory import InventoryRows
from vault.database.stores.backup.object_store import StoreRows
from vault.database.stores.backup.restore import RestoredRows
from vault.database.stores.backup.tombstones import TombstoneRows
from vault.database.stores.calls.call_facts import CallRows
from vault.database.stores.calls.call_state import CallStateRows
from vault.database.stores.calls.pending_calls import PendingCallRows
from vault.database.stores.consent.consent import ConsentRows, PauseRows, PolicyRows
from vault.database.stores.consent.notices import NoticeRows
from vault.database.stores.consent.objections import ObjectionRows
from vault.database.stores.key_rotation.key_rotations import RotationRows
from vault.database.stores.key_rotation.month_keys import MonthKeyRows
from vault.database.stores.node.due_work import DueWorkRows
from vault.database.stores.node.lease_holders import LeaseHolderRows
from vault.database.stores.node.singleton_leases import SingletonLeaseRows
from vault.database.stores.node.vault_metadata import MetadataRows
from vault.database.stores.playback.link_keys import LinkKeyRows
from vault.database.stores.playback.links import LinkRows
from vault.database.stores.recordings.evidence import EvidenceRows
from vault.database.stores.recordings.object_checks import ObjectCheckRows
from vault.database.stores.recordings.provider_copies import SourceRows
from vault.database.stores.recordings.recording_notes import NoteRows
from vault.database.stores.recordings.recording_queue import QueueRows
from vault.database.stores.recordings.recordings import RecordingRows
from vault.database.stores.registers import RegisterRows
from vault.database.stores.requests.callbacks import CallbackRows
from vault.database.stores.requests.closures import ClosureRows
from vault.database.stores.requests.packages import PackageRows
from vault.database.stores.requests.person_search import PersonSearch
from vault.database.stores.requests.requests import RequestRows
from vault.database.stores.retention.contact_ends import ContactEndRows
from vault.database.stores.retention.holds import HoldRows, PendingErasureRows
from vault.database.stores.retention.object_locks import ObjectLockRows
from vault.database.stores.retention.previews import PreviewRows
from vault.database.stores.retention.retention_policies import RetentionRows
from vault.database.stores.sign_in.person_sessions import PersonSessionRows
from vault.database.stores.sign_in.sign_in import PersonRows, SignInRows


class _Rights:
    """The stores of holds, retention policies, approvals and requests of people."""

    def __init__(self, connection: Connection) -> None:
        self.holds = HoldRows(connection)
        self.pending_erasures = PendingErasureRows(connection)
        self.pending_calls = PendingCallRows(connection)
        self.contact_ends = ContactEndRows(connection)
        self.retention = RetentionRows(connection)
        self.previews = PreviewRows(connection)
        self.approvals = ApprovalRows(connection)
        self.approval_rules = ApprovalRuleRows(connection)
        self.object_locks = ObjectLockRows(connection)
        self.requests = RequestRows(connection)
        self.closures = ClosureRows(connection)
        self.callbacks = CallbackRows(connection)
        self.person_search = PersonSearch(connection)
        self.packages = PackageRows(connection)


class _People(_Rights):
    """The stores of API keys and of people at the console."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.api_keys = ApiKeyRows(connection)
        self.stored_answers = StoredAnswerRows(connection)
        self.console_sessions = ConsoleSessionRows(connection)
        self.console_searches = ConsoleSearchRows(connection)
        self.overview = OverviewRows(connection)
        self.person_sessions = PersonSessionRows(connection)
        self.sign_in = SignInRows(connection)
        self.people = PersonRows(connection)


class Transaction(_People):
    """The stores of one open transaction; its writes are durable only when ``Database.write`` returns.

    Create one per transaction; do not use it afterwards.
    """

    def __init__(self, connection: Connection) -> None:
        """Work on a connection inside a transaction that the caller starts and ends."""
        super().__init__(connection)
        self.connection = connection
        self.accounts = AccountRows(connection)
        self.account_limits = AccountLimitRows(connection)
        self.connections = ConnectionRows(connection)
        self.call_facts = CallRows(connection)
        self.call_state = CallStateRows(connection)
        self.consents = ConsentRows(connection)
        self.objections = ObjectionRows(connection)
        self.pauses = PauseRows(connection)
        self.policies = PolicyRows(connection)
        self.notices = NoticeRows(connection)
        self.registers = RegisterRows(connection)
        self.evidence = EvidenceRows(connection)
        self.recordings = RecordingRows(connection)
        self.recording_notes = NoteRows(connection)
        self.queue = QueueRows(connection)
        self.sources = SourceRows(connection)
        self.links = LinkRows(connection)
        self.link_keys = LinkKeyRows(connection)
        self.closing = ClosingRows(connection)
        self.events = EventRows(connection, self.closing)
        self.log_allowances = LogAllowanceRows(connection)
        self.tree = TreeRows(connection)
        self.checkpoints = CheckpointRows(connection)
        self.rotations = RotationRows(connection)
        self.object_checks = ObjectCheckRows(connection)
        self.month_keys = MonthKeyRows(connection)
        self.metadata = MetadataRows(connection)
        self.account_objects = AccountObjectRows(connection)
        self.tombstones = TombstoneRows(connection)
        self.inventory = InventoryRows(connection)
        self.restored = RestoredRows(connection)
        self.store = StoreRows(connection)
        self.singleton_leases = SingletonLeaseRows(connection)
        self.words = ClearTextRows(connection)
        self.due_work = DueWorkRows(connection)
        self.lease_holders = LeaseHolderRows(connection)

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
