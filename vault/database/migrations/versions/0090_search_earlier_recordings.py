"""Keep back-fills of policies on card data, and why a policy did not remove what it found.

A node of the release before runs none, and proposes without a reason.
"""

import sqlalchemy as sa
from alembic import op

revision = '0090'
down_revision = '0089'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('redaction_proposals', sa.Column('unremoved', sa.String()))
    op.create_table(
        'card_data_back_fills',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('keyed_digits', sa.String(), nullable=False),
        sa.Column('policy_at', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('cause', sa.String()),
        sa.Column('begun_at', sa.BigInteger(), nullable=False),
        sa.Column('begun_by', sa.String(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.Column('recordings', sa.Integer(), nullable=False),
        sa.Column('seconds', sa.Float(), nullable=False),
        sa.Column('after_at', sa.BigInteger()),
        sa.Column('after_id', sa.String()),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('searched', sa.Integer(), nullable=False),
        sa.Column('searched_seconds', sa.Float(), nullable=False),
        sa.Column('proposed', sa.Integer(), nullable=False),
        sa.Column('removed', sa.Integer(), nullable=False),
        sa.Column('held', sa.Integer(), nullable=False),
        sa.Column('unremoved', sa.Integer(), nullable=False),
        sa.Column('unreadable', sa.Integer(), nullable=False),
        sa.Column('not_before', sa.BigInteger()),
        sa.PrimaryKeyConstraint('account_id'),
    )
    op.create_index('ix_card_data_back_fills_not_before', 'card_data_back_fills', ['not_before'])


def downgrade() -> None:
    op.drop_table('card_data_back_fills')
    op.drop_column('redaction_proposals', 'unremoved')
