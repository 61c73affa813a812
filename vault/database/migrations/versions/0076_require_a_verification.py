"""Note whether weighty acts of an account's people need a fresh verification.

A node of the release before asks for none.
"""

import sqlalchemy as sa
from alembic import op

revision = '0076'
down_revision = '0075'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'step_ups',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('required', sa.Boolean(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id'),
    )


def downgrade() -> None:
    op.drop_table('step_ups')
