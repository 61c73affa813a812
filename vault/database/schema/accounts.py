"""API keys, stored answers to requests with an Idempotency-Key, limits; the console's sessions, searches and lists."""

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from vault.database.schema.core import IS_WORK, Moment, links, metadata, recordings

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("account_id", String),
    Column("scopes", JSON, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    # The key, or ``operator``, that issued it; NULL in rows of earlier releases.
    Column("created_by", String),
    Index("ix_api_keys_created_by", "created_by"),
)

kept_answers = Table(
    "kept_answers",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("idempotency_key", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("kept_at", Moment, nullable=False),
    # What the answer shows, with which it is erased; NULL in rows of earlier releases.
    Column("account_id", String),
    Column("recording_id", String, index=True),
    Column("call_ref", String),
    Index(None, "account_id", "call_ref"),
)

account_limits = Table(
    "account_limits",
    metadata,
    Column("account_id", String, primary_key=True),
    # NULL: the operator's default.
    Column("requests_per_second", BigInteger),
    Column("bytes_in_flight", BigInteger),
    Column("queue", BigInteger),
)
console_sessions = Table(
    "console_sessions",
    metadata,
    Column("id", String, primary_key=True),
    # Of the secret in the cookie.
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    # NULL for an operator, whose session is for every account.
    Column("account_id", String),
    # The API key that signed in, with whose revocation the session ends; or the person who did.
    Column("key_id", String),
    Column("person_id", String),
    # The session at the sign-in provider, which ends this one.
    Column("sid", String),
    # Of a person, from the roles; a key's scopes are read from the key.
    Column("scopes", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("ended_at", Moment),
    # Scopes that a person has for the recordings of some agents.
    Column("limits", JSON),
    # When the person last proved who it is; NULL for a key.
    Column("verified_at", Moment),
    Index("ix_console_sessions_account", "account_id", "created_at"),
    Index("ix_console_sessions_ends_at", "ends_at"),
    Index(
        "ix_console_sessions_person",
        "person_id",
        sqlite_where=text("person_id IS NOT NULL"),
        postgresql_where=text("person_id IS NOT NULL"),
    ),
)

console_invitations = Table(
    "console_invitations",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("key_id", String, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

# What was searched for, such as a number: it must not stand in an address. Only the session's own cookie opens it.
console_searches = Table(
    "console_searches",
    metadata,
    Column("id", String, primary_key=True),
    Column("session_id", String, nullable=False),
    Column("sealed_search", LargeBinary, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

#: The condition of an index, which queries repeat literally: SQLite uses a partial index for the very same words alone.
#: These states are few of an archive's recordings, and none of them is on the way of a recording that is kept.
IS_SET_ASIDE: Final = "state IN ('quarantined', 'failed', 'refused')"
IS_ERASED: Final = "state = 'erased'"
SET_ASIDE: Final = frozenset({"quarantined", "failed", "refused"})
_R = recordings.c


def _newest(name: str, condition: str, *columns: Column[Any]) -> Index:
    """Make an index of a list: an account's recordings of one value, by when they came."""
    where = text(condition)
    return Index(name, _R.account_id, *columns, sqlite_where=where, postgresql_where=where)


# The end of a quarantine is counted by days without a look at the rows.
_newest("ix_recordings_set_aside", IS_SET_ASIDE, _R.state, _R.received_at, _R.id, _R.quarantined_until)
_newest("ix_recordings_waiting", IS_WORK, _R.state, _R.received_at, _R.id)
_newest("ix_recordings_class", "retention_class IS NOT NULL", _R.retention_class, _R.received_at, _R.id)
_newest("ix_recordings_erased", IS_ERASED, _R.state, _R.received_at, _R.id)
# With the account, which every query names: SQLite takes the index of which it uses most columns.
for _by in ("recording_id", "listener_term"):
    Index(
        f"ix_links_{_by.partition('_')[0]}", links.c.account_id, links.c[_by], links.c.created_at, links.c.id
    )
# Of a link by which somebody listens at the console: the session that allows it, with which the audio ends.
_HEARD = text("console_session_id IS NOT NULL")
Index("ix_links_console_session", links.c.console_session_id, sqlite_where=_HEARD, postgresql_where=_HEARD)
