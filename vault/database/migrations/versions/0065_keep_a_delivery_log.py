"""Keep what was answered to the webhooks of connections. A release before it keeps nothing, and is not disturbed."""

import sqlalchemy as sa
from alembic import op

revision = '0065'
down_revision = '0064'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'connection_deliveries',
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('event', sa.String(), nullable=True),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('reason', sa.String(), nullable=True),
        sa.Column('detail', sa.String(), nullable=True),
        sa.Column('recording_id', sa.String(), nullable=True),
        sa.Column('requests', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('connection_id', 'at', 'id'),
    )
    op.create_index(
        'ix_connection_deliveries_outcome', 'connection_deliveries', ['connection_id', 'outcome', 'at', 'id']
    )
    op.create_index('ix_connection_deliveries_at', 'connection_deliveries', ['at'])
    of_recording = sa.text('recording_id IS NOT NULL')
    op.create_index(
        'ix_connection_deliveries_recording',
        'connection_deliveries',
        ['recording_id'],
        sqlite_where=of_recording,
        postgresql_where=of_recording,
    )


def downgrade() -> None:
    op.drop_table('connection_deliveries')
