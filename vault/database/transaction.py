"""One transaction on either database, as the verbs see it."""

from datetime import datetime

from sqlalchemy import Connection

from vault.database.account_object_rows import AccountObjectRows
from vault.database.account_rows import AccountRows
from vault.database.call_rows import CallRows
from vault.database.checkpoint_rows import CheckpointRows
from vault.database.closing_rows import ClosingRows
from vault.database.connection_rows import ConnectionRows
from vault.database.consent_rows import ConsentRows, EvidenceRows, ObjectionRows, PauseRows, PolicyRows
from vault.database.dialect import database_now, lock_account, lock_call
from vault.database.event_rows import EventRows
from vault.database.inventory_rows import InventoryRows
from vault.database.key_rows import KeyRows
from vault.database.link_rows import LinkRows
from vault.database.metadata_rows import MetadataRows
from vault.database.notice_rows import NoticeRows
from vault.database.queue_rows import QueueRows
from vault.database.recording_rows import RecordingRows
from vault.database.restored_rows import RestoredRows
from vault.database.rotation_rows import RotationRows
from vault.database.source_rows import SourceRows
from vault.database.store_rows import StoreRows
from vault.database.tombstone_rows import TombstoneRows
from vault.database.tree_rows import TreeRows
from vault.database.turn_rows import TurnRows
from vault.database.words_rows import WordsRows


class SqlTransaction:
    """The stores of one open transaction. Made anew for each, and worth nothing after it."""

    def __init__(self, connection: Connection) -> None:
        """Work on a connection inside a transaction that somebody else began and will end."""
        self.connection = connection
        self.accounts = AccountRows(connection)
        self.connections = ConnectionRows(connection)
        self.call_facts = CallRows(connection)
        self.consents = ConsentRows(connection)
        self.objections = ObjectionRows(connection)
        self.pauses = PauseRows(connection)
        self.policies = PolicyRows(connection)
        self.notices = NoticeRows(connection)
        self.evidence = EvidenceRows(connection)
        self.recordings = RecordingRows(connection)
        self.queue = QueueRows(connection)
        self.sources = SourceRows(connection)
        self.links = LinkRows(connection)
        self.closing = ClosingRows(connection)
        self.events = EventRows(connection, self.closing)
        self.tree = TreeRows(connection)
        self.checkpoints = CheckpointRows(connection)
        self.api_keys = KeyRows(connection)
        self.rotations = RotationRows(connection)
        self.metadata = MetadataRows(connection)
        self.account_objects = AccountObjectRows(connection)
        self.tombstones = TombstoneRows(connection)
        self.inventory = InventoryRows(connection)
        self.restored = RestoredRows(connection)
        self.store = StoreRows(connection)
        self.turns = TurnRows(connection)
        self.words = WordsRows(connection)

    def now(self) -> datetime:
        """Return the database's time."""
        return database_now(self.connection)

    def lock_account(self, account_id: str, *, exclusive: bool = False) -> None:
        """Hold the account's lock to the end of the transaction: shared for gates, exclusive for changes."""
        lock_account(self.connection, account_id, exclusive=exclusive)

    def lock_call(self, account_id: str, call_ref: str) -> None:
        """Hold the call's lock to the end of the transaction, after the account's."""
        lock_call(self.connection, account_id, call_ref)
