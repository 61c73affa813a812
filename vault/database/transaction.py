"""One transaction on either database, as the services use it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from vault.database.signals import Work, wake
from vault.database.sql.dialect import database_now, lock_account, lock_account_and_call, lock_call
from vault.database.stores.access_events import EventRows
from vault.database.stores.account_limits import AccountLimitRows
from vault.database.stores.account_objects import AccountObjectRows
from vault.database.stores.accounts import AccountRows
from vault.database.stores.api_keys import ApiKeyRows
from vault.database.stores.approvals import ApprovalRows, ApprovalRuleRows
from vault.database.stores.call_facts import CallRows
from vault.database.stores.call_state import CallStateRows
from vault.database.stores.callbacks import CallbackRows
from vault.database.stores.checkpoints import CheckpointRows
from vault.database.stores.clear_texts import ClearTextRows
from vault.database.stores.closing_acts import ClosingRows
from vault.database.stores.closures import ClosureRows
from vault.database.stores.connections import ConnectionRows
from vault.database.stores.consent import ConsentRows, PauseRows, PolicyRows
from vault.database.stores.console_sessions import ConsoleSearchRows, ConsoleSessionRows
from vault.database.stores.contact_ends import ContactEndRows
from vault.database.stores.due_work import DueWorkRows
from vault.database.stores.evidence import EvidenceRows
from vault.database.stores.holds import HoldRows, PendingErasureRows
from vault.database.stores.inventory import InventoryRows
from vault.database.stores.key_rotations import RotationRows
from vault.database.stores.lease_holders import LeaseHolderRows
from vault.database.stores.link_keys import LinkKeyRows
from vault.database.stores.links import LinkRows
from vault.database.stores.log_allowances import LogAllowanceRows
from vault.database.stores.log_tree import TreeRows
from vault.database.stores.month_keys import MonthKeyRows
from vault.database.stores.notices import NoticeRows
from vault.database.stores.object_checks import ObjectCheckRows
from vault.database.stores.object_locks import ObjectLockRows
from vault.database.stores.object_store import StoreRows
from vault.database.stores.objections import ObjectionRows
from vault.database.stores.overview import OverviewRows
from vault.database.stores.packages import PackageRows
from vault.database.stores.pending_calls import PendingCallRows
from vault.database.stores.person_search import PersonSearch
from vault.database.stores.person_sessions import PersonSessionRows
from vault.database.stores.previews import PreviewRows
from vault.database.stores.provider_copies import SourceRows
from vault.database.stores.recording_notes import NoteRows
from vault.database.stores.recording_queue import QueueRows
from vault.database.stores.recordings import RecordingRows
from vault.database.stores.registers import RegisterRows
from vault.database.stores.requests import RequestRows
from vault.database.stores.restore import RestoredRows
from vault.database.stores.retention import RetentionRows
from vault.database.stores.sign_in import PersonRows, SignInRows
from vault.database.stores.singleton_leases import SingletonLeaseRows
from vault.database.stores.stored_answers import StoredAnswerRows
from vault.database.stores.tombstones import TombstoneRows
from vault.database.stores.vault_metadata import MetadataRows


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
