"""The limits that admins have set for accounts."""

from sqlalchemy import BigInteger, Column, String, Table

from vault.database.schema.core import metadata

account_limits = Table(
    "account_limits",
    metadata,
    Column("account_id", String, primary_key=True),
    # NULL: the operator's default.
    Column("requests_per_second", BigInteger),
    Column("bytes_in_flight", BigInteger),
    Column("queue", BigInteger),
)
