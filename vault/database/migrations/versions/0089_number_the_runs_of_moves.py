"""Number the runs of a move, note what was taken away, and let several moves have one name.

Drop what no release has used: moves need neither a freeze nor tables of webhooks and of events.
"""

import sqlalchemy as sa
from alembic import op

revision = '0089'
down_revision = '0088'
branch_labels = None
depends_on = None
serves = '0044'

_POSITION = sa.Integer().with_variant(sa.BigInteger(), 'postgresql')


def upgrade() -> None:
    op.drop_table('kept_webhooks')
    op.drop_table('carried_events')
    op.drop_column('account_moves', 'frozen_at')
    op.add_column('account_moves', sa.Column('run', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('account_moves', sa.Column('rows_digest', sa.String()))
    op.drop_index('ix_account_moves_ref', 'account_moves')
    op.create_index('ix_account_moves_ref', 'account_moves', ['ref'])


def downgrade() -> None:
    op.drop_index('ix_account_moves_ref', 'account_moves')
    op.create_index('ix_account_moves_ref', 'account_moves', ['ref'], unique=True)
    op.drop_column('account_moves', 'rows_digest')
    op.drop_column('account_moves', 'run')
    op.add_column('account_moves', sa.Column('frozen_at', sa.BigInteger()))
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
