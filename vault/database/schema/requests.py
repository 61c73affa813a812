"""The tables of requests of people, and of callbacks about them: addresses, and the deliveries that are still due.

What a person wrote is sealed; numbers are found by keyed hashes.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, text

from vault.database.schema.core import Moment, metadata

_OPEN = text("closed_at IS NULL")
#: Closed requests that are not in an object of their own.
TO_STORE = "closed_at IS NOT NULL AND stored_under IS NULL"
_TO_STORE = text(TO_STORE)
person_requests = Table(
    "person_requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("regime", String, nullable=False),
    Column("state", String, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("closed_at", Moment),
    # When the retention of the request itself ends: then everything sealed, and its terms, are deleted.
    Column("forget_at", Moment),
    # Keyed hash of the caller's reference; NULL once it is forgotten.
    Column("reference_term", LargeBinary),
    Column("repeat_of", String),
    Column("revision", Integer, nullable=False),
    Column("sealed_personal", LargeBinary),
    Column("key_version", Integer),
    # The canonical JSON of the receipt, and the id of the event whose leaf has its digest.
    Column("sealed_receipt", LargeBinary),
    Column("receipt_key_version", Integer),
    Column("receipt_event", String),
    Column("receipt_log_size", BigInteger),
    # When a decision is tried again that could only wait; NULL: now. Each try without progress counts.
    Column("next_try_at", Moment),
    Column("tries", Integer),
    # Of a closed request: the oldest account key version in its own object of the object store; NULL: it is to be
    # written, and meanwhile the account's object has the request.
    Column("stored_under", Integer),
    Index("ix_person_requests_account", "account_id", "created_at", "id"),
    Index("ix_person_requests_reference", "account_id", "reference_term"),
    Index("ix_person_requests_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_person_requests_forget_at", "forget_at"),
    Index("ix_person_requests_to_store", "account_id", sqlite_where=_TO_STORE, postgresql_where=_TO_STORE),
)

person_request_terms = Table(
    "person_request_terms",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("term", LargeBinary, primary_key=True),
    Column("request_id", String, primary_key=True),
    Index("ix_person_request_terms_request", "request_id"),
)

# Why recordings are restricted. ``request_id`` is the request of a person, who is informed before the restriction is
# lifted, or one of CAUSES (vault/domain/recordings/recording.py). Earlier releases noted requests alone.
person_restrictions = Table(
    "person_restrictions",
    metadata,
    Column("recording_id", String, primary_key=True),
    Column("request_id", String, primary_key=True, index=True),
)

# Which recordings are in a package of a person, or in a part: when one is erased, the package is deleted.
person_package_recordings = Table(
    "person_package_recordings",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("recording_id", String, primary_key=True, index=True),
)

# Answers to requests for access, and parts of exports of accounts: a sealed object each, under a key of its own.
person_packages = Table(
    "person_packages",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("location", String, nullable=False, index=True),
    Column("header", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("downloads", Integer, nullable=False),
    # The request of which it is a part, from 1; null in rows of earlier releases, whose packages are one part.
    Column("part_of", String, index=True),
    Column("part", Integer),
    # The last recording of the account that is in this part of its export.
    Column("through_at", Moment),
    Column("through_id", String),
)

request_callbacks = Table(
    "request_callbacks",
    metadata,
    Column("account_id", String, primary_key=True),
    # URL and secret, sealed as words of the account.
    Column("sealed", Text, nullable=False),
    Column("set_at", Moment, nullable=False),
    Column("set_by", String, nullable=False),
    # The last delivery that was accepted, and the last try that was not, with the reason.
    Column("delivered_at", Moment),
    Column("failed_at", Moment),
    Column("failure", String),
)

request_deliveries = Table(
    "request_deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("next_try_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ix_request_deliveries_next_try", "next_try_at", "id"),
    Index("ix_request_deliveries_account", "account_id"),
)
