"""The tables of the outbox: messages that wait, their destinations, and the attempts of the last 30 days.

They have ids and codes alone; what receivers answered, and the address of an invitation while its mail waits, are
sealed. URLs, secrets and what is sent beside them are where each kind keeps them.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, text

from vault.database.schema.core import Moment, metadata

_NEW, _FREE, _LEASED = text("is_new"), text("lease_until IS NULL"), text("lease_until IS NOT NULL")
_ORDER = text("lease_until IS NULL AND sequence IS NOT NULL")
_OF_RECORDING = text("recording_id IS NOT NULL")
outbox_messages = Table(
    "outbox_messages",
    metadata,
    Column("destination", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("type", String, nullable=False),
    Column("recording_id", String),
    Column("content", Text, nullable=False),
    # Whether it stays when its recording is erased; NULL: no.
    Column("outlives_erasure", Boolean),
    # Its number in its account, by which an ordered destination has its messages.
    Column("sequence", BigInteger),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Attempts that were noted before it was put here again; NULL: none.
    Column("attempts_before", Integer),
    Column("due_at", Moment, nullable=False),
    # The row of its destination may not know of it yet: what leaves a message changes no row that others change.
    Column("is_new", Boolean, nullable=False),
    Column("lease_token", String),
    Column("lease_until", Moment),
    Index("ix_outbox_messages_new", "destination", sqlite_where=_NEW, postgresql_where=_NEW),
    Index(
        "ix_outbox_messages_due", "destination", "due_at", "id", sqlite_where=_FREE, postgresql_where=_FREE
    ),
    Index(
        "ix_outbox_messages_order", "destination", "sequence", sqlite_where=_ORDER, postgresql_where=_ORDER
    ),
    Index(
        "ix_outbox_messages_leased",
        "destination",
        "lease_until",
        sqlite_where=_LEASED,
        postgresql_where=_LEASED,
    ),
    Index(
        "ix_outbox_messages_recording",
        "recording_id",
        sqlite_where=_OF_RECORDING,
        postgresql_where=_OF_RECORDING,
    ),
    Index("ix_outbox_messages_kind", "kind", "at"),
)

outbox_destinations = Table(
    "outbox_destinations",
    metadata,
    Column("destination", String, primary_key=True),
    Column("account_id", String, nullable=False),
    # When something can be sent next; NULL while nothing waits, or it is switched off.
    Column("next_at", Moment),
    # When its last message was claimed: those of whom that is longest ago come first.
    Column("served_at", Moment, nullable=False),
    # Whether the next message is sent only after the one before was accepted; NULL: no.
    Column("is_ordered", Boolean),
    # Its health (vault/domain/outbox/health.py).
    Column("failures", Integer, nullable=False),
    Column("failing_since", Moment),
    Column("blocked_until", Moment),
    Column("warned", Integer, nullable=False),
    Column("disabled_at", Moment),
    Index("ix_outbox_destinations_next", "next_at"),
    Index("ix_outbox_destinations_account", "account_id"),
)

outbox_attempts = Table(
    "outbox_attempts",
    metadata,
    Column("destination", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("recording_id", String),
    Column("at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("status", Integer),
    Column("failure", String),
    # The beginning of the answer, sealed as words of the account.
    Column("answer", Text),
    Index("ix_outbox_attempts_at", "at"),
    Index("ix_outbox_attempts_destination", "destination", "at", "id", "number"),
    Index(
        "ix_outbox_attempts_recording",
        "recording_id",
        sqlite_where=_OF_RECORDING,
        postgresql_where=_OF_RECORDING,
    ),
)
