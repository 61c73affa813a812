"""Keep searches of the console, and find recordings that are quarantined, failed or refused."""

import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None
#: A release before it does not read what this adds.
serves = '0022'


def upgrade() -> None:
    op.create_table(
        'console_searches',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('session_id', sa.String(), nullable=False),
        sa.Column('sealed_search', sa.LargeBinary(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_console_searches')),
    )
    op.create_index(op.f('ix_console_searches_expires_at'), 'console_searches', ['expires_at'])
    where = sa.text("state IN ('quarantined', 'failed', 'refused')")
    op.create_index(
        'ix_recordings_set_aside', 'recordings', ['account_id', 'state', 'received_at', 'id'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('ix_recordings_set_aside', table_name='recordings')
    op.drop_table('console_searches')
