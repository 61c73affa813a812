"""Keep the access events as the leaves of a tree: with an outbox, nodes, a head and checkpoints."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('event_outbox',
    sa.Column('position', sa.Integer().with_variant(sa.BigInteger(), 'postgresql'), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('recording_id', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_detail', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_event_outbox')),
    sa.UniqueConstraint('id', name=op.f('uq_event_outbox_id'))
    )
    # Events that are there already wait for the sequencer, in their order.
    op.execute('INSERT INTO event_outbox (id, account_id, recording_id, body, sealed_detail) '
               'SELECT id, account_id, recording_id, body, sealed_detail FROM access_events ORDER BY position')
    op.drop_table('access_events')
    op.create_table('access_events',
    sa.Column('tree_index', sa.Integer().with_variant(sa.BigInteger(), 'postgresql'), autoincrement=False, nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('recording_id', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('leaf_hash', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_detail', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('tree_index', name=op.f('pk_access_events'))
    )
    op.create_index('ix_access_events_account', 'access_events', ['account_id', 'tree_index'], unique=False)
    op.create_index('ix_access_events_recording', 'access_events', ['recording_id', 'tree_index'], unique=False)
    op.create_table('unsettled_sessions',
    sa.Column('session_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('recording_id', sa.String(), nullable=False),
    sa.Column('ends_at', sa.BigInteger(), nullable=False),
    sa.Column('log_size', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('session_id', name=op.f('pk_unsettled_sessions'))
    )
    op.create_index(op.f('ix_unsettled_sessions_ends_at'), 'unsettled_sessions', ['ends_at'], unique=False)
    op.create_table('tree_nodes',
    sa.Column('level', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('level', 'position', name=op.f('pk_tree_nodes')),
    sqlite_with_rowid=False
    )
    head = op.create_table('tree_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('peaks', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tree_head'))
    )
    op.create_table('checkpoints',
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('note', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('published_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('size', name=op.f('pk_checkpoints'))
    )
    publication = op.create_table('publication',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_publication'))
    )
    # The root of the tree without leaves is SHA-256 of nothing.
    op.bulk_insert(head, [{'id': 1, 'size': 0, 'root': hashlib.sha256().digest(), 'peaks': b''}])
    op.bulk_insert(publication, [{'id': 1, 'size': 0, 'not_before': 0}])


def downgrade() -> None:
    op.drop_table('publication')
    op.drop_table('checkpoints')
    op.drop_table('tree_head')
    op.drop_table('tree_nodes')
    op.drop_index(op.f('ix_unsettled_sessions_ends_at'), table_name='unsettled_sessions')
    op.drop_table('unsettled_sessions')
    op.drop_index('ix_access_events_recording', table_name='access_events')
    op.drop_index('ix_access_events_account', table_name='access_events')
    op.rename_table('access_events', 'sequenced_events')
    op.create_table('access_events',
    sa.Column('position', sa.Integer().with_variant(sa.BigInteger(), 'postgresql'), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('recording_id', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_detail', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_access_events_unsequenced')),
    sa.UniqueConstraint('id', name=op.f('uq_access_events_id'))
    )
    columns = 'id, account_id, recording_id, body, sealed_detail'
    op.execute(f'INSERT INTO access_events ({columns}) SELECT {columns} FROM sequenced_events ORDER BY tree_index')
    op.execute(f'INSERT INTO access_events ({columns}) SELECT {columns} FROM event_outbox ORDER BY position')
    op.create_index('ix_access_events_recording', 'access_events', ['account_id', 'recording_id', 'position'], unique=False)
    op.drop_table('sequenced_events')
    op.drop_table('event_outbox')
