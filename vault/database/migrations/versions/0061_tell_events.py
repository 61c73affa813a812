"""Keep endpoints that receive events, the events of 30 days with their numbers, and how far the log was read.

A message may outlive the erasure of its recording, as one that says so. A node of the release before goes on: it sends
no events. The object of an account that it writes meanwhile lacks the account's endpoints, until a newer node writes it.
"""

import sqlalchemy as sa
from alembic import op

revision = '0061'
down_revision = '0060'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('outbox_messages', sa.Column('outlives_erasure', sa.Boolean(), nullable=True))
    op.create_table(
        'event_endpoints',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('types', sa.JSON(none_as_null=True), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.Column('grace_until', sa.BigInteger(), nullable=True),
        sa.Column('from_index', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_event_endpoints_account', 'event_endpoints', ['account_id'])
    op.create_table(
        'event_sequences',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('last', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )
    published = op.create_table(
        'events_published',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('through', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.execute(published.insert().values(id=1, through=0))
    op.create_table(
        'outward_events',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('sequence', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('type', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=True),
        sa.Column('content', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'sequence'),
    )
    op.create_index('ix_outward_events_at', 'outward_events', ['at'])


def downgrade() -> None:
    for table in ('outward_events', 'events_published', 'event_sequences', 'event_endpoints'):
        op.drop_table(table)
    op.drop_column('outbox_messages', 'outlives_erasure')
