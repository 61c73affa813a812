"""Let a claim find the oldest due row, and the leases of an account, without counting the backlog."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_WORK = sa.text("state IN ('received', 'transferring', 'retry_wait', 'stored', 'erasing')")
_LEASED = sa.text('lease_until IS NOT NULL')


def upgrade() -> None:
    op.create_index('ix_recordings_due', 'recordings', ['state', 'not_before'], unique=False, sqlite_where=_WORK, postgresql_where=_WORK)
    op.create_index('ix_recordings_leased', 'recordings', ['account_id', 'lease_until'], unique=False, sqlite_where=_LEASED, postgresql_where=_LEASED)


def downgrade() -> None:
    op.drop_index('ix_recordings_leased', table_name='recordings', sqlite_where=_LEASED, postgresql_where=_LEASED)
    op.drop_index('ix_recordings_due', table_name='recordings', sqlite_where=_WORK, postgresql_where=_WORK)
