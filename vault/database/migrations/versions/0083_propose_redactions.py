"""Keep what accounts want done about card data in audio, and what was found.

A node of the release before looks for nothing; it erases a recording without the rows of its proposals, which name times
alone, and the page of proposals leaves those out.
"""

import sqlalchemy as sa
from alembic import op

revision = '0083'
down_revision = '0082'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'card_data_policies',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('keyed_digits', sa.String(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )
    op.create_table(
        'redaction_proposals',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('begin_ms', sa.Integer(), nullable=False),
        sa.Column('end_ms', sa.Integer(), nullable=False),
        sa.Column('found_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_redaction_proposals_account', 'redaction_proposals', ['account_id', 'id'])
    op.create_index('ix_redaction_proposals_recording', 'redaction_proposals', ['recording_id'])


def downgrade() -> None:
    op.drop_table('redaction_proposals')
    op.drop_table('card_data_policies')
