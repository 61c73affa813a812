"""List an account's recordings of a retention class, the newest first."""

import sqlalchemy as sa
from alembic import op

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None
#: A release before it does not read the index.
serves = '0031'


def upgrade() -> None:
    where = sa.text('retention_class IS NOT NULL')
    op.create_index(
        'ix_recordings_class', 'recordings', ['account_id', 'retention_class', 'received_at', 'id'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('ix_recordings_class', table_name='recordings')
