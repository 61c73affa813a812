"""The tables of callbacks about requests: their addresses, and the deliveries that are still due."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from vault.database.schema.core import Moment, metadata

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
