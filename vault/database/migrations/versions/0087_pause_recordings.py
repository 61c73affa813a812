"""Keep the pauses of recordings.

A node of the release before forgets a call without its pauses, which have times and who asked alone.
"""

import sqlalchemy as sa
from alembic import op

revision = '0087'
down_revision = '0086'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'recording_pauses',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('call_ref', sa.String(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=True),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=False),
        sa.Column('asked_by', sa.String(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('answer', sa.String(), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('ended_by', sa.String(), nullable=True),
        sa.Column('end_cause', sa.String(), nullable=True),
        sa.Column('end_answer', sa.String(), nullable=True),
        sa.Column('not_before', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_recording_pauses_call', 'recording_pauses', ['account_id', 'call_ref'])
    op.create_index('ix_recording_pauses_not_before', 'recording_pauses', ['not_before'])


def downgrade() -> None:
    op.drop_table('recording_pauses')
