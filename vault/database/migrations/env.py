"""Runs a migration on the connection that ``vault/database/engines/migrate.py`` passes in."""  # noqa: INP001 - Alembic runs this file by its path

from alembic import context

from vault.database.schema import (  # noqa: F401 - importing them registers their tables
    access_log,
    account_keys,
    accounts,
    approvals,
    calls,
    consent,
    events,
    handover,
    moves,
    node,
    outbox,
    playback,
    recording_objects,
    registers,
    requests,
    retention,
    sign_in,
    usage,
)
from vault.database.schema.core import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
