"""The tables of what is counted: recordings and plays by day. They hold no personal data."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from vault.database.schema.core import metadata

#: Triggers on ``recordings`` append to it, so that no two writers wait for one row (decision 20).
usage_changes = Table(
    "usage_changes",
    metadata,
    Column("position", Integer().with_variant(BigInteger, "postgresql"), primary_key=True),
    Column("account_id", String, nullable=False),
    # Days since 1970 in UTC: of a recording when it arrived, of a play when it began.
    Column("day", Integer, nullable=False),
    # ``domain.accounts.usage.Kind``
    Column("kind", String, nullable=False),
    # The code of the first reason of a recording that is in quarantine, refused or failed; else empty.
    Column("reason", String, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

# The same, added up by a job.
usage_days = Table(
    "usage_days",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
