"""Runs a migration on the connection that ``vault/database/migrate.py`` passes in."""  # noqa: INP001 - Alembic runs this file by its path

from alembic import context

from vault.database import (  # noqa: F401 - they add their tables
    schema_closing,
    schema_consent,
    schema_keys,
    schema_log,
    schema_notices,
    schema_turns,
)
from vault.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
