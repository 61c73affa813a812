"""Limit the events that somebody without a permission causes: how much of its allowance each actor has used.

A node of the release before goes on: it writes each of them.
"""

import sqlalchemy as sa
from alembic import op

revision = '0052'
down_revision = '0051'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.create_table(
        'log_allowances',
        sa.Column('actor', sa.String(), nullable=False),
        sa.Column('used_until', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('actor', name=op.f('pk_log_allowances')),
    )


def downgrade() -> None:
    op.drop_table('log_allowances')
