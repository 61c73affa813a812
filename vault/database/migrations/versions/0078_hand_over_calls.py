"""Keep integrations, what stands of recordings in their systems, and how far the log was read for that.

A node of the release before goes on: it hands nothing over. The object of an account that it writes meanwhile lacks the
account's integrations, until a newer node writes it; a recording that it erases is removed there by the next reading of
a newer node's job.
"""

import sqlalchemy as sa
from alembic import op

revision = '0078'
down_revision = '0077'
branch_labels = None
depends_on = None
serves = '0044'

_UNSETTLED = sa.text(
    "desired <> state AND (desired = 'absent' OR state NOT IN ('held', 'unmatched'))"
)


def upgrade() -> None:
    op.create_table(
        'integrations',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('system', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('policy', sa.JSON(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=False),
        sa.Column('recipient_id', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.Column('unauthorized_since', sa.BigInteger(), nullable=True),
        sa.Column('set_up_at', sa.BigInteger(), nullable=False),
        sa.Column('from_index', sa.BigInteger(), nullable=True),
        sa.Column('succeeded_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_integrations_account', 'integrations', ['account_id'])
    op.create_table(
        'handovers',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('integration_id', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('desired', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('cause', sa.String(), nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('sealed', sa.Text(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('sent_at', sa.BigInteger(), nullable=True),
        sa.Column('busy_by', sa.String(), nullable=True),
        sa.Column('busy_until', sa.BigInteger(), nullable=True),
        sa.Column('residue', sa.JSON(), nullable=False),
        sa.Column('queued_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('integration_id', 'recording_id'),
    )
    op.create_index('ix_handovers_recording', 'handovers', ['recording_id'])
    op.create_index('ix_handovers_account', 'handovers', ['account_id', 'created_at', 'id'])
    op.create_index(
        'ix_handovers_unsettled',
        'handovers',
        ['integration_id', 'queued_at'],
        sqlite_where=_UNSETTLED,
        postgresql_where=_UNSETTLED,
    )
    read = op.create_table(
        'handovers_read',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('through', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.execute(read.insert().values(id=1, through=0))


def downgrade() -> None:
    for table in ('handovers_read', 'handovers', 'integrations'):
        op.drop_table(table)
