"""Keep the moves of accounts to another vault, what arrives, and where old addresses lead.

A node of the release before knows no move: begin one only when every node has this release.
"""

import sqlalchemy as sa
from alembic import op

revision = '0088'
down_revision = '0087'
branch_labels = None
depends_on = None
serves = '0044'

_POSITION = sa.Integer().with_variant(sa.BigInteger(), 'postgresql')


def upgrade() -> None:
    op.create_table(
        'account_moves',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('ref', sa.String(), nullable=False),
        sa.Column('phase', sa.String(), nullable=False),
        sa.Column('peer_url', sa.String(), nullable=False),
        sa.Column('peer_cell', sa.String()),
        sa.Column('begun_at', sa.BigInteger(), nullable=False),
        sa.Column('frozen_at', sa.BigInteger()),
        sa.Column('moved_at', sa.BigInteger()),
        sa.Column('destroy_at', sa.BigInteger()),
        sa.Column('statement', sa.LargeBinary()),
        sa.Column('wrapped_peer_key', sa.LargeBinary()),
        sa.PrimaryKeyConstraint('account_id'),
    )
    op.create_index('ix_account_moves_ref', 'account_moves', ['ref'], unique=True)
    op.create_table(
        'arriving_rows',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('table_name', sa.String(), nullable=False),
        sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('row', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'table_name', 'position'),
    )
    op.create_table(
        'moved_addresses',
        sa.Column('address', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('address'),
    )
    op.create_table(
        'carried_events',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('tree_index', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String()),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.Column('sealed_detail', sa.LargeBinary()),
        sa.PrimaryKeyConstraint('account_id', 'tree_index'),
    )
    op.create_index('ix_carried_events_recording', 'carried_events', ['recording_id', 'tree_index'])
    op.create_table(
        'kept_webhooks',
        sa.Column('position', _POSITION, nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('sealed_delivery', sa.LargeBinary(), nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('not_before', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('position'),
    )
    op.create_index('ix_kept_webhooks_account', 'kept_webhooks', ['account_id', 'position'])


def downgrade() -> None:
    op.drop_table('kept_webhooks')
    op.drop_table('carried_events')
    op.drop_table('moved_addresses')
    op.drop_table('arriving_rows')
    op.drop_table('account_moves')
